from django.db import migrations

from loyalty import sql

UNGUARD = """
    DROP FUNCTION ledger_guard_v1() CASCADE;
    DROP FUNCTION ledger_guard_entry_v1() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql.function("ledger_refuse_v1"),
            "DROP FUNCTION ledger_refuse_v1(text, bigint, bigint, bigint, integer, text)",
        ),
        migrations.RunSQL(sql.function("ledger_post_v1"), "DROP FUNCTION ledger_post_v1(timestamptz, jsonb)"),
        migrations.RunSQL(sql.function("ledger_post_set_v1"), "DROP FUNCTION ledger_post_set_v1(timestamptz, jsonb)"),
        migrations.RunSQL(sql.function("ledger_forget_v1"), "DROP FUNCTION ledger_forget_v1(uuid[])"),
        migrations.RunSQL(sql.function("ledger_mend_v1"), "DROP FUNCTION ledger_mend_v1(uuid[])"),
        migrations.RunSQL(sql.function("ledger_guards_v1"), UNGUARD),
    ]
