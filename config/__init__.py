"""The composition root: settings, URLs, Celery, WSGI. Imports everything; nothing imports it."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
