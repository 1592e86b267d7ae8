"""Vacuum deliveries and what belongs to them early: claims read the index from its oldest entry on."""

from django.db import migrations

from core.postgres.vacuum import vacuum_sooner


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]

    operations = vacuum_sooner("webhooks_delivery", "webhooks_eventbody", "webhooks_attempt")
