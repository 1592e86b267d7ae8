"""The composition root: settings, URLs, Celery, WSGI. Imports everything; nothing imports it."""

import gc

# What is imported lives as long as the process, so looking through it for garbage while a process starts is wasted: a third of
# the time. Every process imports this package before the apps; StaffAdminConfig.ready() ends it.
gc.set_threshold(1_000_000, 50, 100)

from config.celery import app as celery_app  # noqa: E402 - the import is what is not to be looked through

__all__ = ["celery_app"]
