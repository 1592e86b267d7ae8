"""What every process of `tests.forked` has imported: the platform, and what a worker would otherwise import at its first work."""

import os

import django
from django.conf import settings

if not settings.configured or "DJANGO_SETTINGS_MODULE" in os.environ:
    django.setup()

import psycopg_pool  # noqa: F401

import config.door.handler
import config.door.web
import config.urls  # noqa: F401
import core.outbound.client  # noqa: F401
from apikeys import authentication  # noqa: F401
from audit import sinks  # noqa: F401
from audit.ingest import writer  # noqa: F401
from billing.gateways import sandbox  # noqa: F401
from billing.services import completion  # noqa: F401
from messaging.services import sending  # noqa: F401
from tests.clients import ApiClient  # noqa: F401
from webhooks.delivery import pump  # noqa: F401
