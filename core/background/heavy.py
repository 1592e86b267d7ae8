"""Work that takes whole seconds of a processor: bounded for each company, so that one cannot take every thread of a process."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from weakref import WeakSet

from core.errors import TemporarilyUnavailable

# At a time, in one process, of one company and of all of them together. A web process has five threads and more.
PER_COMPANY = 2
PER_PROCESS = 4


class Place:
    """What heavy work is done in. Free again when it is left, or with the last reference to it: an answer can be lost."""

    __slots__ = ("__weakref__", "company")

    def __init__(self, company: uuid.UUID) -> None:
        self.company = company

    def leave(self) -> None:
        """Let the next one in; more than once does no harm."""
        with _lock:
            _taken.discard(self)


_lock = threading.Lock()
_taken: WeakSet[Place] = WeakSet()


def take_place(company: uuid.UUID) -> Place:
    """Return a place of `company`. Raises TemporarilyUnavailable (503, with Retry-After) when there is none left."""
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
    """Do the block's work in a place of `company`. Raises TemporarilyUnavailable when there is none left."""
    place = take_place(company)
    try:
        yield
    finally:
        place.leave()


class HeavyBody:
    """The body of an answer that is made while it is read, in a place that is held until the answer is closed (PEP 3333)."""

    def __init__(self, pieces: Iterator[bytes], place: Place) -> None:
        self._pieces, self._place = pieces, place

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """Return the next piece."""
        return next(self._pieces)

    def close(self) -> None:
        """Called by Django when the answer has been sent, or given up."""
        self._place.leave()
