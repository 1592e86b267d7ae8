"""How many hints wait at the broker: with no worker there to take them, no more are added than that.

A hint says nothing that a sweep would not find, and a thousand of them say no more than one. Without a bound, web processes and beat
would fill the broker's memory for as long as the workers are away.
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
# A look at the broker holds so long; the processes that send meanwhile add what they add.
LOOK_EVERY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Backlog:
    """Looks how many messages wait in the queue of tasks, now and then, on a connection of its own."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Be as new: a forked child must not speak on its parent's connection."""
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._looked_at = float("-inf")
        self._is_full = False

    def is_full(self) -> bool:
        """Tell whether so many hints wait that another one would say nothing. False when the broker cannot be asked."""
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
            # No broker: whoever sends will find out. The channel may be closed by now.
            if self._connection is not None:
                self._connection.release()
            self._connection = None
            return 0

    def _errors(self) -> tuple[type[BaseException], ...]:
        """What a broker that is away raises: each transport has errors of its own."""
        known = self._connection
        return (
            KombuError,
            OSError,
            *(known.connection_errors if known else ()),
            *(known.channel_errors if known else ()),
        )


BACKLOG = Backlog()
os.register_at_fork(after_in_child=BACKLOG.forget)
