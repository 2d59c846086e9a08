from django.db import migrations

from loyalty_site.http import sql


class Migration(migrations.Migration):
    dependencies = [("http", "0003_unlogged_rate_windows")]

    operations = [
        migrations.RunSQL(sql.function("http_admit_staff_v1"), "DROP FUNCTION http_admit_staff_v1(bytea, uuid, integer)"),
    ]
