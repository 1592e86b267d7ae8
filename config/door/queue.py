"""The requests that wait for a slot: in order for each client address, and the addresses take turns."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Job = Callable[[], None]


@dataclass(slots=True, eq=False)
class Waiter:
    """A request that waits. `is_patient` if it may wait longer than others, since somebody else takes more than it does."""

    since: float
    address: str
    job: Job
    turn_away: Job
    is_patient: bool = False


class FairQueue:
    """Whoever has many requests waits behind its own, not before others' (McKenney, "Stochastic Fairness Queueing", 1990)."""

    def __init__(self) -> None:
        # By address, the next one in turn first. An address without requests has no entry, so this is no longer than what waits.
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

    def count(self, address: str) -> int:
        """Return how many requests of `address` wait."""
        return len(self._by_address.get(address, ()))

    def push(self, waiter: Waiter) -> None:
        """Add `waiter` behind those of its address."""
        self._by_address.setdefault(waiter.address, deque()).append(waiter)
        self._by_age[waiter] = None

    def pop(self, may: Callable[[str], bool]) -> Waiter | None:
        """Take the oldest request of the address in turn, of those that `may`; None if none may."""
        for address, waiters in self._by_address.items():
            if may(address):
                waiter = waiters[0]
                self._by_address.move_to_end(address)
                self.remove(waiter)
                return waiter
        return None

    def newest(self, address: str) -> Waiter:
        """Return the request of `address` that came last."""
        return self._by_address[address][-1]

    def remove(self, waiter: Waiter) -> None:
        """Take `waiter` out, wherever it is."""
        waiters = self._by_address[waiter.address]
        waiters.remove(waiter)
        if not waiters:
            del self._by_address[waiter.address]
        del self._by_age[waiter]
