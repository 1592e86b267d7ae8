"""Events get their place from two counters instead of from transaction ids, which begin anew in every cluster."""

from django.db import migrations, models

import core.postgres.fields

SEQUENCES = """
CREATE SEQUENCE core_event_sequence;
CREATE SEQUENCE core_event_position;
-- The relay takes the counter of positions on when it was set back (webhooks.relay).
GRANT UPDATE ON SEQUENCE core_event_position TO system;
"""
NO_SEQUENCES = "DROP SEQUENCE core_event_sequence; DROP SEQUENCE core_event_position;"
# What has been relayed keeps the order in which it was.
NUMBER = """
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE core_outboxevent e
SET sequence = numbered.number,
    position = CASE WHEN e.public AND e.relayed_at IS NOT NULL THEN numbered.number END
FROM (SELECT id, row_number() OVER (ORDER BY transaction_id, id) AS number FROM core_outboxevent) numbered
WHERE e.id = numbered.id;
SELECT setval('core_event_sequence', max(sequence)), setval('core_event_position', max(sequence))
FROM core_outboxevent HAVING count(*) > 0;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0003_outgoing_mail")]

    operations = [
        migrations.RunSQL(SEQUENCES, NO_SEQUENCES),
        migrations.RemoveIndex(model_name="outboxevent", name="core_outboxevent_waiting"),
        migrations.RemoveIndex(model_name="outboxevent", name="core_outboxevent_order"),
        migrations.RemoveIndex(model_name="outboxevent", name="core_outboxevent_type"),
        migrations.AddField(
            model_name="outboxevent",
            name="position",
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="outboxevent",
            name="sequence",
            field=models.BigIntegerField(
                db_default=core.postgres.fields.NextValue("core_event_sequence"), editable=False
            ),
        ),
        migrations.RunSQL(NUMBER, migrations.RunSQL.noop),
        migrations.RemoveField(model_name="outboxevent", name="transaction_id"),
        migrations.AddIndex(
            model_name="outboxevent",
            index=models.Index(
                condition=models.Q(("relayed_at__isnull", True)),
                fields=["company", "position", "sequence"],
                name="core_outboxevent_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="outboxevent",
            index=models.Index(fields=["company", "mode", "type", "position"], name="core_outboxevent_type"),
        ),
        migrations.AddConstraint(
            model_name="outboxevent",
            constraint=models.UniqueConstraint(
                fields=("company", "mode", "position"), name="core_outboxevent_position"
            ),
        ),
        migrations.AddConstraint(
            model_name="outboxevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("position__isnull", True), ("public", False), ("relayed_at__isnull", False)),
                    models.Q(("public", True), ("relayed_at__isnull", True)),
                    models.Q(("position__isnull", False), ("public", True)),
                    _connector="OR",
                ),
                name="core_outboxevent_relayed",
            ),
        ),
    ]
