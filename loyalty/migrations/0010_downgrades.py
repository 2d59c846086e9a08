from django.db import migrations, models


class Migration(migrations.Migration):
    """When a member was warned that their tier will be lowered. No index: each warning stays a heap-only update."""

    dependencies = [("loyalty", "0009_entries_in_time")]

    operations = [
        migrations.AddField(
            model_name="member",
            name="tier_warned_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="Since then the points for the tier have been missing; empty while they are there.",
                null=True,
                verbose_name="warned of a lower tier",
            ),
        ),
    ]
