from django.db import migrations


class Migration(migrations.Migration):
    """Count the calls of a minute without waiting for the disk.

    All calls of a store count in one row, one after another. Written to the log, each would hold that row until its
    commit is on the disk, and a store could not make more calls a second than the disk has commits one by one. What
    is lost with a crash of the database is the count of the minute in which it crashed.
    """

    dependencies = [("http", "0002_functions")]

    operations = [
        migrations.RunSQL("ALTER TABLE rate_windows SET UNLOGGED", "ALTER TABLE rate_windows SET LOGGED"),
    ]
