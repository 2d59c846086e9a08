from django.db import migrations

from loyalty_site.http import sql


class Migration(migrations.Migration):
    dependencies = [("http", "0001_initial")]

    operations = [
        # Counts of a minute need no crash safety, and no write-ahead log.
        migrations.RunSQL("ALTER TABLE rate_windows SET UNLOGGED", "ALTER TABLE rate_windows SET LOGGED"),
        migrations.RunSQL(sql.function("http_count_v1"), "DROP FUNCTION http_count_v1(text, integer)"),
        migrations.RunSQL(sql.function("http_admit_key_v1"), "DROP FUNCTION http_admit_key_v1(bytea, integer)"),
        migrations.RunSQL(sql.function("http_take_key_v1"), "DROP FUNCTION http_take_key_v1(text, text)"),
    ]
