from django.db import migrations

from loyalty import sql


class Migration(migrations.Migration):
    """The ledger's function writes the news of an entry beside it."""

    dependencies = [("loyalty", "0004_rewards"), ("outbox", "0001_initial")]

    operations = [migrations.RunSQL(sql.function("ledger_post_v1"), migrations.RunSQL.noop)]
