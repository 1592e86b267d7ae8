"""WSGI entry point, served by granian."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

application = get_wsgi_application()

from django.urls import get_resolver  # noqa: E402 - needs the settings

from core.database_role import refuse_wrong_database_role  # noqa: E402 - needs the settings

refuse_wrong_database_role()
# Every view and what it imports, now instead of during the first request.
assert get_resolver().url_patterns
# All of it lives as long as the process: the collector need not walk through it again and again.
gc.collect()
gc.freeze()
