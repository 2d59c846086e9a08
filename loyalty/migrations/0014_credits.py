from django.db import migrations

from loyalty import sql

CREDIT = """ledger_credit_v1(
    uuid, uuid, uuid, text, bigint, integer, text, bytea, boolean, bigint, boolean, boolean, uuid, uuid, text, uuid,
    uuid, text, jsonb, timestamptz, text, boolean)"""


class Migration(migrations.Migration):
    """A till's purchase is one statement."""

    dependencies = [("loyalty", "0013_double_opt_in")]

    operations = [migrations.RunSQL(sql.function("ledger_credit_v1"), f"DROP FUNCTION {CREDIT}")]
