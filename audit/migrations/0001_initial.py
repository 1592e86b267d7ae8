"""The audit tables: partitioned by day, and narrower rights than other tables have (DESIGN §13)."""

import core.clock
import core.constraints
import core.fields
import core.ids
import django.db.models.deletion
from django.db import migrations, models

from audit.migrations._rights import RIGHTS
from audit.partitions.operations import CreatePartitionedModel


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        CreatePartitionedModel(
            name='StaffEntry',
            fields=[
                ('action', models.CharField(max_length=64)),
                ('actor_kind', models.CharField(choices=[('key', 'API key'), ('user', 'Person'), ('staff', 'Staff'), ('system', 'Pomelo')], max_length=8)),
                ('actor_id', models.CharField(max_length=64)),
                ('actor_name', models.CharField(max_length=254)),
                ('target_type', models.CharField(max_length=64)),
                ('target_id', models.CharField(max_length=64)),
                ('ip', models.GenericIPAddressField(null=True)),
                ('user_agent', models.CharField(max_length=500)),
                ('request_id', models.CharField(max_length=40)),
                ('changes', models.JSONField(default=dict)),
                ('detail', models.JSONField(default=dict)),
                ('transaction_id', core.fields.TransactionIdField()),
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
            ],
            options={
                'verbose_name': 'event without a company',
                'verbose_name_plural': 'events without a company',
                'indexes': [models.Index(fields=['action', 'id'], name='audit_staffentry_action'), models.Index(fields=['actor_id', 'id'], name='audit_staffentry_actor'), models.Index(fields=['ip', 'id'], name='audit_staffentry_ip')],
            },
        ),
        CreatePartitionedModel(
            name='AuditEntry',
            fields=[
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('mode', models.CharField(choices=[('live', 'Live'), ('test', 'Test')], max_length=4)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
                ('action', models.CharField(max_length=64)),
                ('actor_kind', models.CharField(choices=[('key', 'API key'), ('user', 'Person'), ('staff', 'Staff'), ('system', 'Pomelo')], max_length=8)),
                ('actor_id', models.CharField(max_length=64)),
                ('actor_name', models.CharField(max_length=254)),
                ('target_type', models.CharField(max_length=64)),
                ('target_id', models.CharField(max_length=64)),
                ('ip', models.GenericIPAddressField(null=True)),
                ('user_agent', models.CharField(max_length=500)),
                ('request_id', models.CharField(max_length=40)),
                ('changes', models.JSONField(default=dict)),
                ('detail', models.JSONField(default=dict)),
                ('transaction_id', core.fields.TransactionIdField()),
                ('company', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.company')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit entries',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['company', 'mode', 'action', 'id'], name='audit_entry_action'), models.Index(fields=['company', 'mode', 'actor_id', 'id'], name='audit_entry_actor'), models.Index(fields=['company', 'mode', 'target_id', 'id'], name='audit_entry_target'), models.Index(fields=['company', 'mode', 'ip', 'id'], name='audit_entry_ip'), models.Index(fields=['company', 'mode', 'request_id'], name='audit_entry_request'), models.Index(fields=['transaction_id'], name='audit_entry_transaction')],
                'constraints': [core.constraints.RowLevelSecurity(company_column='company_id', mode_column='mode', name='audit_auditentry_rls'), models.CheckConstraint(condition=models.Q(('mode__in', ['live', 'test'])), name='audit_auditentry_mode'), models.UniqueConstraint(fields=('company', 'mode', 'id'), name='audit_auditentry_tenant')],
            },
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
