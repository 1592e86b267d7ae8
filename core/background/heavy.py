"""Limits CPU-heavy work per company, so that one company cannot occupy every thread of a process."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from weakref import WeakSet

from core.errors import TemporarilyUnavailable

# Concurrent jobs in one process: per company, and for all companies together. A web process has at least five threads.
PER_COMPANY = 2
PER_PROCESS = 4


class Place:
    """A slot for heavy work. Released by `leave`, or when garbage-collected, since a response may be dropped."""

    __slots__ = ("__weakref__", "company")

    def __init__(self, company: uuid.UUID) -> None:
        self.company = company

    def leave(self) -> None:
        """Release the slot. Idempotent."""
        with _lock:
            _taken.discard(self)


_lock = threading.Lock()
_taken: WeakSet[Place] = WeakSet()


def acquire_slot(company: uuid.UUID) -> Place:
    """Take a slot for `company`. Raises TemporarilyUnavailable (503, with Retry-After) when there is none left."""
    with _lock:
        if len(_taken) >= PER_PROCESS or sum(each.company == company for each in _taken) >= PER_COMPANY:
            raise TemporarilyUnavailable(
                "Too many documents, exports and secrets are being generated right now."
            )
        place = Place(company)
        _taken.add(place)
    return place


@contextmanager
def heavy_work(company: uuid.UUID) -> Iterator[None]:
    """Run the block in a slot of `company`. Raises TemporarilyUnavailable when there is none left."""
    place = acquire_slot(company)
    try:
        yield
    finally:
        place.leave()


class HeavyBody:
    """A streaming response body that holds its slot until the response is closed (PEP 3333)."""

    def __init__(self, pieces: Iterator[bytes], place: Place) -> None:
        self._pieces, self._place = pieces, place

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """Return the next piece."""
        return next(self._pieces)

    def close(self) -> None:
        """Release the slot. Called by Django when the response was sent or abandoned."""
        self._place.leave()
