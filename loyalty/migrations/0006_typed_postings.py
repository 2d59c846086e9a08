from django.db import migrations

from loyalty import sql

SET_V2 = "ledger_post_set_v2(timestamptz, ledger_posting_v1[])"


class Migration(migrations.Migration):
    """Mass runs hand over typed postings. What came before it, on a database made earlier, decided in a function apart."""

    dependencies = [("loyalty", "0005_entry_news")]

    operations = [
        migrations.RunSQL(sql.function("ledger_posting_v1"), "DROP TYPE ledger_posting_v1"),
        migrations.RunSQL(sql.function("ledger_post_set_v2"), f"DROP FUNCTION {SET_V2}"),
        migrations.RunSQL(sql.function("ledger_post_set_v1"), migrations.RunSQL.noop),
        migrations.RunSQL(
            "DROP FUNCTION IF EXISTS ledger_decide_set_v1(timestamptz, jsonb)",
            migrations.RunSQL.noop,
        ),
    ]
