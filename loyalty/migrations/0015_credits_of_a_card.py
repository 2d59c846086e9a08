from django.db import migrations

from loyalty import sql

CREDIT = """ledger_credit_v2(
    uuid, uuid, uuid, text, bigint, integer, text, bytea, boolean, bigint, boolean, boolean, uuid, uuid, text, uuid,
    uuid, text, jsonb, timestamptz, text, boolean, text)"""


class Migration(migrations.Migration):
    """A purchase for a card that was read without a lock: nothing is credited if it was replaced meanwhile."""

    dependencies = [("loyalty", "0014_credits")]

    operations = [migrations.RunSQL(sql.function("ledger_credit_v2"), f"DROP FUNCTION {CREDIT}")]
