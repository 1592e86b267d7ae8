"""Database connections of Celery workers: returned to the pool after a task, like in a web process after a request.

Celery's own fixup closes the whole pool around every task. Each task would then have to reconnect, and threads that outlive a
task, such as the webhook pump, would lose the pool.
"""

from typing import Any

from celery import Celery
from celery.fixups.django import DjangoFixup, DjangoWorkerFixup  # type: ignore[attr-defined]  # the stubs are older
from django.db import connections
from django.urls import get_resolver


class PoolKeepingWorkerFixup(DjangoWorkerFixup):
    """Celery's fixup, except that tasks leave the pool open. It is still dropped after a fork, as sockets cannot be shared."""

    def validate_models(self) -> None:
        """Set Django up. Celery would run the system checks as well, and discard what they find."""
        self.django_setup()

    def install(self) -> DjangoWorkerFixup:
        """Install the worker's signal handlers, and import all views now instead of in each of its children."""
        assert get_resolver().url_patterns
        return super().install()

    def on_task_prerun(self, sender: Any, **_: Any) -> None:
        """Drop a connection that the previous task may have broken."""
        self._give_back(sender)

    def on_task_postrun(self, sender: Any, **_: Any) -> None:
        """Return the connection to the pool."""
        self._give_back(sender)

    def _give_back(self, sender: Any) -> None:
        if not sender.request.is_eager:
            connections.close_all()


class PoolKeepingFixup(DjangoFixup):
    """Celery's integration with Django, with the worker's part replaced."""

    _worker_fixup: DjangoWorkerFixup | None

    @property
    def worker_fixup(self) -> DjangoWorkerFixup:
        """Create the worker's fixup, once the settings are available."""
        if self._worker_fixup is None:
            self._worker_fixup = PoolKeepingWorkerFixup(self.app)
        return self._worker_fixup


def fixup(app: Celery) -> DjangoFixup:
    """Install the integration. Name and signature are given by Celery."""
    installed = PoolKeepingFixup(app)
    installed.install()
    return installed
