"""`make dev`: like `make run`, with Django's debug pages. Loopback only (config.run.options)."""

from config.settings.local import *  # noqa: F403

DEBUG = True
