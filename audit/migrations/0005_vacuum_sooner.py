"""Vacuum what waits for its seal, and the heads, early: every row of the one is deleted within a minute, of the other changed each minute."""

from django.db import migrations

from core.postgres.vacuum import vacuum_sooner


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_client_request_id")]

    operations = vacuum_sooner("audit_unsealedentry", "audit_sealhead")
