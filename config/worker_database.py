"""Connections of Celery's workers: given back to the pool after a task, as a web process does after a request.

Celery's own fixup closes the whole pool around every task. That makes each task connect anew, and closes the pool under
threads that outlive a task, such as the webhook pump.
"""

from typing import Any

from celery import Celery
from celery.fixups.django import DjangoFixup, DjangoWorkerFixup  # type: ignore[attr-defined]  # the stubs are older
from django.db import connections


class PoolKeepingWorkerFixup(DjangoWorkerFixup):
    """Celery's, except that tasks leave the pool open. After a fork it is still dropped: sockets cannot be shared."""

    def on_task_prerun(self, sender: Any, **_: Any) -> None:
        """Begin a task without a connection that the one before may have broken."""
        self._give_back(sender)

    def on_task_postrun(self, sender: Any, **_: Any) -> None:
        """Leave the connection to whoever needs one next."""
        self._give_back(sender)

    def _give_back(self, sender: Any) -> None:
        if not sender.request.is_eager:
            connections.close_all()


class PoolKeepingFixup(DjangoFixup):
    """Celery's integration with Django, with the worker's part replaced."""

    _worker_fixup: DjangoWorkerFixup | None

    @property
    def worker_fixup(self) -> DjangoWorkerFixup:
        """The worker's part, made when the settings can be read."""
        if self._worker_fixup is None:
            self._worker_fixup = PoolKeepingWorkerFixup(self.app)
        return self._worker_fixup


def fixup(app: Celery) -> DjangoFixup:
    """Install the integration; the name and the shape are Celery's."""
    installed = PoolKeepingFixup(app)
    installed.install()
    return installed
