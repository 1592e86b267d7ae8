"""WSGI entry point, served by granian."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

application = get_wsgi_application()

from core.database_role import refuse_wrong_database_role  # noqa: E402 - needs the settings

refuse_wrong_database_role()
