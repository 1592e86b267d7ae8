"""A worker that is killed at a chosen moment, in a forked process (tests.forked)."""

import os
import signal
from collections.abc import Callable
from typing import Any

from billing.gateways import ChargeOrder, Outcome, RefundOrder
from billing.gateways.sandbox import SandboxGateway
from billing.services import completion


def die() -> None:
    """End this process like a kill: nothing is flushed or closed."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingGateway(SandboxGateway):
    """The real client, in a process that dies right before or right after its call."""

    def __init__(self, moment: str) -> None:
        self.moment = moment

    def charge(self, order: ChargeOrder) -> Outcome:
        """Charge, unless the process dies first."""
        return self._dying(lambda: super(DyingGateway, self).charge(order))

    def refund(self, order: RefundOrder) -> Outcome:
        """Refund, unless the process dies first."""
        return self._dying(lambda: super(DyingGateway, self).refund(order))

    def _dying(self, call: Callable[[], Outcome]) -> Outcome:
        if self.moment == "before":
            die()
        outcome = call()
        if self.moment == "after":
            die()
        return outcome


def work(_connection: Any, moment: str) -> None:
    """Complete what is due, and die before or after the call; during it, the parent kills the process."""
    gateway = DyingGateway(moment)
    completion.gateway_named = lambda name: gateway  # type: ignore[attr-defined]
    completion.complete_payments(max_batches=1)
