from django.db import migrations


class Migration(migrations.Migration):
    """Leave room on each page of members, so that what an earn moves is a heap-only update from the first one on."""

    dependencies = [("loyalty", "0002_ledger_functions")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE loyalty_members SET (fillfactor = 80)",
            "ALTER TABLE loyalty_members RESET (fillfactor)",
        ),
    ]
