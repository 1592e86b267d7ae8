"""A simulated web process for config.door.slots, with its own clock: jobs share a processor, wait for a server, and end.

Nothing here takes real time, so results depend on the slots alone and not on the machine.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from config.door.slots import Full, Slots, Turn

SWEEP_SECONDS = 0.25
CPU_SECONDS = 0.004
WAIT_SECONDS = 0.005
# What a process does besides: a refusal is work too.
REFUSAL_SECONDS = 0.0001


@dataclass
class Caller:
    """What an address saw: how long its requests took that were served, and how long it took to refuse the others."""

    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)


def percentile(values: Iterable[float], share: float) -> float:
    """Return what `share` of the values are at most."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class Simulation:
    """One process. `cpu` and `wait` say what the next job of an address takes: half of its processor time before it waits, half after it."""

    def __init__(
        self,
        threads: int = 4,
        *,
        cpu: Callable[[str], float] = lambda address: CPU_SECONDS,
        wait: Callable[[str], float] = lambda address: WAIT_SECONDS,
    ) -> None:
        self.now = self.used = 0.0
        self.slots = Slots(
            threads, clock=lambda: self.now, cpu_clock=lambda: 0.0, process_clock=lambda: self.used
        )
        self.cpu, self.wait = cpu, wait
        self.callers: dict[str, Caller] = {}
        self.running: Counter[str] = Counter()
        self.most_running = 0
        self._numbers = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        # What wants the processor, and how much of it; everything gets the same share at a time.
        self._busy: dict[int, tuple[float, Callable[[], None]]] = {}
        self._sweep()

    # --- who comes ----------------------------------------------------------------------------------------------------

    def come(self, moments: Iterable[float], address: str = "198.51.100.1") -> None:
        """Let a request come at each of these moments, whatever becomes of the others."""
        for moment in moments:
            self._at(moment, lambda: self._arrive(address, lambda served: None))

    def come_again(self, writers: int, address: str = "198.51.100.1", *, begin: float = 0.0, retry: float = 0.1) -> None:  # fmt: skip
        """Let so many writers each send the next request as soon as the last one is served, or `retry` after it is refused."""

        def write(served: bool = True) -> None:
            self._at(self.now + (0.0 if served else retry), lambda: self._arrive(address, write))

        for _ in range(writers):
            self._at(begin, write)

    def run(self, until: float) -> None:
        """Go on until then."""
        while True:
            next_event = self._events[0][0]
            least = min((left for left, _ in self._busy.values()), default=float("inf"))
            next_done = self.now + least * len(self._busy) if self._busy else float("inf")
            at = min(next_event, next_done, until)
            if self._busy:
                used = (at - self.now) / len(self._busy)
                self._busy = {key: (left - used, then) for key, (left, then) in self._busy.items()}
                self.used += at - self.now
            self.now = at
            if at == until:
                return
            if next_done <= next_event:
                key = min(self._busy, key=lambda each: self._busy[each][0])
                _, then = self._busy.pop(key)
                then()
            else:
                heapq.heappop(self._events)[2]()

    def forget(self) -> None:
        """Begin to count anew."""
        self.callers.clear()
        self.most_running = 0

    # --- what becomes of them -----------------------------------------------------------------------------------------

    def _arrive(self, address: str, then: Callable[[bool], None]) -> None:
        came = self.now

        def refuse() -> None:
            self._compute(REFUSAL_SECONDS, lambda: self._end(address, "refused", came, then))

        def serve() -> None:
            self._end(address, "served", came, then)

        try:
            turn = self.slots.enter(serve, refuse, address)
        except Full:
            refuse()
        else:
            self._work(turn)

    def _end(self, address: str, how: str, came: float, then: Callable[[bool], None]) -> None:
        getattr(self.callers.setdefault(address, Caller()), how).append(self.now - came)
        then(how == "served")

    def _work(self, turn: Turn | None) -> None:
        if turn is None:
            return
        began, cpu, wait = self.now, self.cpu(turn.address), self.wait(turn.address)
        self.running[turn.address] += 1
        self.most_running = max(self.most_running, self.running.total())

        def finish() -> None:
            self.running[turn.address] -= 1
            turn.job()
            self._work(self.slots.finish(turn, seconds=self.now - began, cpu=cpu))

        self._compute(cpu / 2, lambda: self._at(self.now + wait, lambda: self._compute(cpu / 2, finish)))

    def _compute(self, seconds: float, then: Callable[[], None]) -> None:
        self._busy[next(self._numbers)] = (seconds, then)

    def _at(self, moment: float, do: Callable[[], Any]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), do))

    def _sweep(self) -> None:
        self.slots.sweep()
        self._at(self.now + SWEEP_SECONDS, self._sweep)
