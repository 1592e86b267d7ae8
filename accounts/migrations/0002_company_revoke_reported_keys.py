"""What a company wishes to happen when somebody reports a secret of its as found."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='company',
            name='revoke_reported_keys',
            field=models.BooleanField(default=True, help_text='Revoke a server key at once when somebody who found its secret reports it.'),
        ),
    ]
