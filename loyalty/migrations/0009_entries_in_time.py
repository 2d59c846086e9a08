from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0005_rewards_and_checkout'),
        ('loyalty', '0008_room_for_a_night'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['member', 'occurred_at', 'number'], name='entries_in_time'),
        ),
    ]
