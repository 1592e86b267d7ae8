"""Bulk mail has a topic, and whoever unsubscribes leaves one."""

from django.db import migrations, models

# Before topics there is no bulk mail, and an entry without its topic would stop receipts and passwords too.
FORGET_TOPICS = """
DELETE FROM messaging_suppression WHERE topic <> '';
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_allowances'),
        ('billing', '0009_tax_sums'),
        ('messaging', '0005_domains_being_looked_at'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='suppression',
            name='messaging_suppression_address',
        ),
        migrations.RemoveConstraint(
            model_name='suppression',
            name='messaging_suppression_known_origin',
        ),
        migrations.AddField(
            model_name='message',
            name='topic',
            field=models.CharField(blank=True, db_default='', help_text='What bulk mail is about; transactional messages have none.', max_length=50),
        ),
        migrations.AddField(
            model_name='suppression',
            name='topic',
            field=models.CharField(blank=True, db_default='', max_length=50),
        ),
        migrations.AlterField(
            model_name='suppression',
            name='origin',
            field=models.CharField(choices=[('bounce', 'Bounce'), ('complaint', 'Complaint'), ('manual', 'Manual'), ('unsubscribe', 'Unsubscribe')], max_length=11),
        ),
        migrations.AddIndex(
            model_name='suppression',
            index=models.Index(fields=['company', 'mode', 'topic', '-id'], name='messaging_suppression_by_topic'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(('topic', ''), ('channel', 'email'), _connector='OR'), name='messaging_message_bulk_is_email'),
        ),
        migrations.AddConstraint(
            model_name='suppression',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'channel', 'address_normalized', 'topic'), name='messaging_suppression_address'),
        ),
        migrations.AddConstraint(
            model_name='suppression',
            constraint=models.CheckConstraint(condition=models.Q(('origin__in', ['bounce', 'complaint', 'manual', 'unsubscribe'])), name='messaging_suppression_known_origin'),
        ),
        migrations.AddConstraint(
            model_name='suppression',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('origin', 'unsubscribe'), models.Q(('topic', ''), _negated=True)), models.Q(models.Q(('origin', 'unsubscribe'), _negated=True), ('topic', '')), _connector='OR'), name='messaging_suppression_topic'),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, FORGET_TOPICS),
    ]
