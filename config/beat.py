"""Celery beat's scheduler, except that it adds no task while enough of them are queued already (core.background.backlog)."""

from typing import Any

from celery.beat import PersistentScheduler

from config import heartbeat
from core.background.backlog import BACKLOG


class BoundedScheduler(PersistentScheduler):
    """Skips due tasks while the queue is backed up; they become due again on schedule."""

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        """Send the task of `entry`, or nothing."""
        if not BACKLOG.is_full():
            return super().apply_async(entry, producer=producer, advance=advance, **kwargs)
        heartbeat.touch()
        if advance:
            self.reserve(entry)
        return None
