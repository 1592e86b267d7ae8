"""Bounds the number of messages queued at the broker while no worker consumes them.

A message is only a hint to look for work, which a sweep would find as well, and a thousand hints say no more than one. Without a
bound, web processes and beat would fill the broker's memory while the workers are down.
"""

import os
import threading
import time
from typing import Any

import structlog
from celery import current_app
from kombu import Connection
from kombu.exceptions import KombuError

MOST_WAITING = 1_000
# How long a count is cached. Messages sent meanwhile are not counted.
LOOK_EVERY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Backlog:
    """Counts the messages in the task queue from time to time, on its own connection."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Reset the state: a forked child must not use its parent's connection."""
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._looked_at = float("-inf")
        self._is_full = False

    def is_full(self) -> bool:
        """Return whether enough messages are queued that another would add nothing. False when the broker is unreachable."""
        if time.monotonic() - self._looked_at < LOOK_EVERY_SECONDS or not self._lock.acquire(blocking=False):
            return self._is_full
        try:
            is_full = self._count() >= MOST_WAITING
        finally:
            self._looked_at = time.monotonic()
            self._lock.release()
        if is_full != self._is_full:
            log.warning("jobs.hints_pile_up" if is_full else "jobs.hints_are_taken_again", most=MOST_WAITING)
        self._is_full = is_full
        return is_full

    def _count(self) -> int:
        try:
            if self._connection is None:
                self._connection = current_app.connection_for_write()
            queue = current_app.amqp.queues[current_app.conf.task_default_queue]
            # A named tuple of the broker's answer, which the stubs call a name. Not `passive`: to that, Valkey answers that an
            # empty queue does not exist.
            declared: Any = queue(self._connection.default_channel).queue_declare()
            return int(declared.message_count)
        except self._errors():
            # The broker is unreachable; the sender will find out. The channel may be closed by now.
            if self._connection is not None:
                self._connection.release()
            self._connection = None
            return 0

    def _errors(self) -> tuple[type[BaseException], ...]:
        """The exceptions of an unreachable broker; each transport has its own."""
        known = self._connection
        return (
            KombuError,
            OSError,
            *(known.connection_errors if known else ()),
            *(known.channel_errors if known else ()),
        )


BACKLOG = Backlog()
os.register_at_fork(after_in_child=BACKLOG.forget)
