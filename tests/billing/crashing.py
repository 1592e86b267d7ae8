"""A worker that is killed at a chosen moment, forked from a process with Django set up."""

import os
import signal
from collections.abc import Callable

import django
from django.conf import settings

if not settings.configured or "DJANGO_SETTINGS_MODULE" in os.environ:
    django.setup()

import psycopg_pool  # noqa: F401  what every worker would otherwise import anew, before each of its deaths

import core.outbound.client  # noqa: F401
from audit import sinks  # noqa: F401
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


def work(moment: str) -> None:
    """Complete what is due, and die before or after the call; during it, the parent kills the process."""
    gateway = DyingGateway(moment)
    completion.gateway_named = lambda name: gateway  # type: ignore[attr-defined]
    completion.complete_payments(max_batches=1)
