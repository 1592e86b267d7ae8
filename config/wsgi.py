"""WSGI entry point, served by granian."""

import gc
import os

import django

# Garbage collection during imports would be wasted work (see the end).
gc.disable()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 - needs the environment
from django.core.cache import close_caches  # noqa: E402
from django.core.handlers.base import reset_urlconf  # noqa: E402
from django.core.signals import request_finished, request_started  # noqa: E402
from django.db import close_old_connections, reset_queries  # noqa: E402
from django.urls import get_resolver  # noqa: E402 - needs the settings

from config.door.handler import Handler  # noqa: E402 - needs the settings
from core.postgres.database_role import refuse_wrong_database_role  # noqa: E402 - needs the settings
from core.postgres.end_of_request import return_connections  # noqa: E402 - needs the settings

application = Handler()
refuse_wrong_database_role()
# Import all views now instead of during the first request.
assert get_resolver().url_patterns
# Nothing to do at the start of a request: connections return to the pool at its end, and only DEBUG records queries.
request_started.disconnect(close_old_connections)
if not settings.DEBUG:
    request_started.disconnect(reset_queries)
# The cache has nothing to close at the end: its connections belong to the process (core.valkey.cache).
request_finished.disconnect(close_caches)
request_finished.disconnect(close_old_connections)
request_finished.connect(return_connections)
# No request has its own URLconf, so there is none to reset.
request_finished.disconnect(reset_urlconf)
# All of it lives as long as the process, so the collector need not traverse it.
gc.collect()
gc.freeze()
gc.enable()
