from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0004_senders'),
    ]

    operations = [
        migrations.AddField(
            model_name='senderdomain',
            name='claimed_until',
            field=models.DateTimeField(null=True),
        ),
    ]
