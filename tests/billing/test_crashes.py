"""SIGKILL before, during and after the gateway call: one ledger entry, and a matching row."""

from abc import ABC, abstractmethod
from datetime import timedelta
from functools import partial
from typing import ClassVar

import pytest

from billing import services
from billing.models import Charge, Invoice, Refund
from core import clock
from core.models import OutboxEvent
from core.tenancy import Tenant, tenant_context
from tests.billing.factories import make_charge, make_invoice
from tests.billing.killed_workers import kill_worker
from tests.factories import SYSTEM, World
from tests.sandbox import SandboxProcess

ROUNDS = 5


class Rounds(ABC):
    """A few payments of one kind, and their total.

    "During" means: the gateway has executed the order and delays its response.
    """

    kind: ClassVar[str]
    model: ClassVar[type[Charge] | type[Refund]]

    def __init__(self, tenant: Tenant, moment: str) -> None:
        self.tenant = tenant
        self.moment = moment

    @property
    @abstractmethod
    def amount(self) -> int:
        """The amount of each payment."""

    @abstractmethod
    def make(self) -> Charge | Refund:
        """Return the next payment, not yet sent to the gateway."""

    @abstractmethod
    def check_total(self) -> None:
        """Compare the parent object with the sum of the payments."""


class Charges(Rounds):
    """Charges that pay one invoice."""

    kind = "charge"
    model = Charge
    amount = 100

    def __init__(self, tenant: Tenant, moment: str) -> None:
        super().__init__(tenant, moment)
        line = {"description": "x", "quantity": ROUNDS, "unit_amount": self.amount}
        self.invoice = make_invoice(tenant, lines=[line], finalize=True)
        self.card = "card_timeout_success" if moment == "during" else "card_success"

    def make(self) -> Charge:
        return make_charge(
            self.tenant, invoice=self.invoice, amount=self.amount, payment_method=self.card, settle=False
        )

    def check_total(self) -> None:
        paid = Invoice.objects.get(id=self.invoice.id)
        assert (paid.status, paid.amount_paid, paid.amount_pending) == ("paid", ROUNDS * self.amount, 0)
        assert OutboxEvent.objects.filter(type="invoice.paid").count() == 1


class Refunds(Rounds):
    """Refunds that refund one charge completely."""

    kind = "refund"
    model = Refund

    def __init__(self, tenant: Tenant, moment: str) -> None:
        super().__init__(tenant, moment)
        self.charge = make_charge(tenant, amount=ROUNDS * self.amount)
        assert self.charge.status == "succeeded"

    @property
    def amount(self) -> int:
        return 4_003 if self.moment == "during" else 100

    def make(self) -> Refund:
        with tenant_context(self.tenant):
            return services.create_refund(charge=self.charge, amount=self.amount, actor=SYSTEM)

    def check_total(self) -> None:
        given = Charge.objects.get(id=self.charge.id)
        assert (given.amount_refunded, given.amount_refund_pending) == (ROUNDS * self.amount, 0)


def kill_a_worker(moment: str, payment: Charge | Refund, gateway: SandboxProcess) -> None:
    """Let a worker process pick up the payment, and kill it at `moment`."""
    from tests.billing import crashing

    arrived = partial(gateway.ledger, payment.gateway_key) if moment == "during" else None
    kill_worker(crashing.work, moment, once=arrived)


@pytest.mark.chaos
@pytest.mark.parametrize("moment", ["before", "during", "after"])
@pytest.mark.parametrize("kind", [Charges, Refunds], ids=["charge", "refund"])
def test_worker_killed_around_the_gateway_call_moves_the_money_once(
    world: World, gateway: SandboxProcess, kind: type[Rounds], moment: str
) -> None:
    rounds = kind(world.tenant(), moment)
    for _ in range(ROUNDS):
        payment = rounds.make()
        kill_a_worker(moment, payment, gateway)

        with tenant_context(rounds.tenant):
            payment.refresh_from_db()
            assert (payment.status, payment.attempts) == ("pending", 1)
            assert payment.due_at > clock.now()  # the dead worker's lease
            rounds.model.objects.filter(id=payment.id).update(due_at=clock.now() - timedelta(seconds=1))
        assert len(gateway.ledger(payment.gateway_key)) == (0 if moment == "before" else 1)

        services.complete_payments()

        with tenant_context(rounds.tenant):
            payment.refresh_from_db()
        [entry] = gateway.ledger(payment.gateway_key)
        assert (entry["kind"], entry["status"], entry["amount"]) == (rounds.kind, "succeeded", rounds.amount)
        assert (payment.status, payment.gateway_reference) == ("succeeded", entry["id"])
        assert entry["calls"] == (1 if moment == "before" else 2)

    with tenant_context(rounds.tenant):
        rounds.check_total()
        assert OutboxEvent.objects.filter(type=f"{rounds.kind}.succeeded").count() == ROUNDS
