"""The queue of requests that wait for a slot: first in, first out per client address; addresses take turns."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

Job = Callable[[], None]


@dataclass(slots=True, eq=False)
class Waiter:
    """A waiting request. `is_patient` if it may wait longer, because another address uses more than its own."""

    since: float
    address: str
    job: Job
    turn_away: Job
    is_patient: bool = False


class FairQueue:
    """An address with many requests only delays itself (McKenney, "Stochastic Fairness Queueing", 1990)."""

    def __init__(self) -> None:
        # By address, in order of turn. An address without requests has no entry, so there are never more entries than requests.
        self._by_address: OrderedDict[str, deque[Waiter]] = OrderedDict()
        self._by_age: OrderedDict[Waiter, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_age)

    def __iter__(self) -> Iterator[Waiter]:
        """Iterate over all of them, the oldest first."""
        return iter(self._by_age)

    def addresses(self) -> Iterator[tuple[str, int]]:
        """Yield each address and how many requests of it wait."""
        return ((address, len(waiters)) for address, waiters in self._by_address.items())

    def names(self) -> Iterable[str]:
        """Return the addresses of which requests wait."""
        return self._by_address.keys()

    def count(self, address: str) -> int:
        """Return how many requests of `address` wait."""
        return len(self._by_address.get(address, ()))

    def push(self, waiter: Waiter) -> None:
        """Add `waiter` behind those of its address."""
        self._by_address.setdefault(waiter.address, deque()).append(waiter)
        self._by_age[waiter] = None

    def pop(self, may: Callable[[str], bool]) -> Waiter | None:
        """Remove and return the oldest request of the next address for which `may` is true; None if there is none."""
        for address, waiters in self._by_address.items():
            if may(address):
                waiter = waiters[0]
                self._by_address.move_to_end(address)
                self.remove(waiter)
                return waiter
        return None

    def newest(self, address: str) -> Waiter:
        """Return the newest request of `address`."""
        return self._by_address[address][-1]

    def remove(self, waiter: Waiter) -> None:
        """Remove `waiter`."""
        waiters = self._by_address[waiter.address]
        waiters.remove(waiter)
        if not waiters:
            del self._by_address[waiter.address]
        del self._by_age[waiter]
