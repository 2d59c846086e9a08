from django.db import migrations

from loyalty_site.http import sql


class Migration(migrations.Migration):
    """The answer to an Idempotency-Key is found by its index, however few answers there were when it was planned."""

    dependencies = [("http", "0004_staff_admission")]

    operations = [migrations.RunSQL(sql.function("http_take_key_v1"), migrations.RunSQL.noop)]
