"""Usage by one dimension at a time, so that a page adds up tens of rows; filled from the hourly roll-ups there are."""

import core.postgres.constraints
import core.values.ids
import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


RIGHTS = """
REVOKE ALL ON audit_usagerollup FROM app, system;
GRANT SELECT ON audit_usagerollup TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_usagerollup TO system;
-- Every batch adds to the same rows of the hour: with room beside them, an update touches no index.
ALTER TABLE audit_usagerollup SET (fillfactor = 60);
"""
_LATENCY = "ARRAY[" + ", ".join(f"sum(latency[{n}])::bigint" for n in range(1, 33)) + "]"
# What the hourly roll-ups do not know: which check refused (all is counted as "other 4xx") and the statuses.
_OUTCOMES = "ARRAY[sum(requests - client_errors - server_errors)::bigint, 0, 0, 0, 0, 0, sum(client_errors)::bigint, sum(server_errors)::bigint]"
_FILL = """
INSERT INTO audit_usagerollup (id, company_id, mode, grain, start, dimension, value, name, outcomes, response_bytes, latency)
SELECT gen_random_uuid(), company_id, mode, '{grain}', {start}, '{dimension}', {value}, max({name}), {outcomes},
  sum(response_bytes)::bigint, {latency}
FROM audit_requestrollup GROUP BY company_id, mode, {start}, {value};
"""
FILL = "".join(
    _FILL.format(
        grain=grain, start=start, dimension=dimension, value=value, name=name, outcomes=_OUTCOMES, latency=_LATENCY
    )
    for grain, start in (("hour", "hour"), ("day", "date_trunc('day', hour, 'UTC')"))
    for dimension, value, name in (
        ("all", "''::text", "''"),
        ("key", "coalesce(replace(key::text, '-', ''), '')", "key_name"),
        ("route", "method || ' ' || route", "''"),
    )
)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_allowances'),
        ('audit', '0002_unsealed_entries'),
    ]

    operations = [
        migrations.CreateModel(
            name='UsageRollup',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('mode', models.CharField(choices=[('live', 'Live'), ('test', 'Test')], max_length=4)),
                ('grain', models.CharField(choices=[('hour', 'Hour'), ('day', 'Day')], max_length=4)),
                ('start', models.DateTimeField()),
                ('dimension', models.CharField(choices=[('all', 'All'), ('key', 'Key'), ('route', 'Route'), ('status', 'Status')], max_length=6)),
                ('value', models.CharField(max_length=210)),
                ('name', models.CharField(max_length=100)),
                ('outcomes', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=8)),
                ('response_bytes', models.BigIntegerField()),
                ('latency', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=32)),
                ('company', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.company')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['company', 'mode', 'grain', 'dimension', 'start'], name='audit_usage_start')],
                'constraints': [core.postgres.constraints.RowLevelSecurity(company_column='company_id', mode_column='mode', name='audit_usagerollup_rls'), models.CheckConstraint(condition=models.Q(('mode__in', ['live', 'test'])), name='audit_usagerollup_mode'), models.UniqueConstraint(fields=('company', 'mode', 'id'), name='audit_usagerollup_tenant'), models.UniqueConstraint(fields=('company', 'mode', 'grain', 'dimension', 'value', 'start'), name='audit_usagerollup_cell')],
            },
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
