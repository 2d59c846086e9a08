import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

from loyalty import sql

UNGUARD = """
CREATE OR REPLACE TRIGGER ledger_guard_change BEFORE UPDATE ON loyalty_ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_entry_v1();
DROP FUNCTION ledger_guard_entry_v2();
"""


class Migration(migrations.Migration):
    """Codes of members begin with M; and a code that a member was known by is forgotten with them."""

    dependencies = [
        ('loyalty', '0011_members_to_remind'),
    ]

    operations = [
        migrations.RunSQL(sql.function("ledger_forget_v2"), "DROP FUNCTION ledger_forget_v2(uuid[])"),
        migrations.RunSQL(
            sql.function("ledger_forget_keys_v1"), "DROP FUNCTION ledger_forget_keys_v1(uuid, text[])"
        ),
        migrations.RunSQL(sql.function("ledger_guard_entry_v2"), UNGUARD),
        pgtrigger.migrations.RemoveTrigger(
            model_name='ledgerentry',
            name='entries_stay_as_they_are',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ledgerentry',
            trigger=pgtrigger.compiler.Trigger(name='entries_stay_as_they_are', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    IF NEW.description IN (OLD.description, '')\n                        AND NEW.metadata IN (\n                            OLD.metadata,\n                            OLD.metadata - ARRAY['reason', 'note', 'items', 'referral_code'],\n                            OLD.metadata - ARRAY['reason', 'note', 'items']\n                        )\n                        AND to_jsonb(NEW) - 'description' - 'metadata'\n                            = to_jsonb(OLD) - 'description' - 'metadata'\n                    THEN\n                        RETURN NEW;\n                    END IF;\n                    RAISE EXCEPTION 'a ledger entry is never changed; answer it with another entry';\n                ", hash='c2cb3350229799aea8315bcfb3e701040258c465', operation='UPDATE', pgid='pgtrigger_entries_stay_as_they_are_db915', table='loyalty_ledger_entries', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='member',
            constraint=models.CheckConstraint(condition=models.Q(('referral_code__regex', '^[M-]')), name='codes_of_members_begin_with_m'),
        ),
    ]
