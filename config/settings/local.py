"""`make run` and management commands on a developer's machine: readable logs, everything else as in production."""

from config.settings.base import *  # noqa: F403
from config.settings.base import STORAGES, env

LOG_FORMAT = env.str("LOG_FORMAT", default="console")
LOGGING = {"level": env.str("LOG_LEVEL", default="INFO"), "format": LOG_FORMAT}

# Fingerprinted names as in production, but not compressed: brotli would take most of the first start.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
