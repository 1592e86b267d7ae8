"""`make dev`: as `make run`, with Django's error pages. Only ever on loopback (config.run.options)."""

from config.settings.local import *  # noqa: F403

DEBUG = True
