from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0008_rewards_and_checkout'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['member', 'occurred_at', 'number'], name='entries_in_time'),
        ),
    ]
