"""SIGKILL before, during and after the call to the gateway: one charge in its ledger, and the row says so."""

import multiprocessing
import os
import signal
import time
from datetime import timedelta

import pytest

from billing import services
from billing.models import Charge, Invoice
from core import clock
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.billing.conftest import SandboxProcess
from tests.billing.factories import make_charge, make_invoice
from tests.factories import World

ROUNDS = 20
# "During": the gateway has taken the money and keeps the worker waiting for its answer.
CARD = {"before": "card_success", "during": "card_timeout_success", "after": "card_success"}


def kill_a_worker(moment: str, charge: Charge, gateway: SandboxProcess) -> None:
    """Let a worker of its own take the charge up, and have it killed at `moment`."""
    from tests.billing import crashing

    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["tests.billing.crashing"])
    worker = forks.Process(target=crashing.work, args=(moment,))
    worker.start()
    if moment == "during":
        deadline = time.monotonic() + 30
        while not gateway.ledger(charge.gateway_key):
            assert worker.is_alive(), "the worker ended by itself"
            assert time.monotonic() < deadline, "the charge never reached the gateway"
            time.sleep(0.01)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
    worker.join(30)
    assert worker.exitcode == -signal.SIGKILL


@pytest.mark.chaos
@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_a_worker_killed_around_the_call_charges_once(
    world: World, gateway: SandboxProcess, moment: str
) -> None:
    services.complete_payments()  # what other tests left; the worker must take up ours
    tenant = world.tenant()
    invoice = make_invoice(
        tenant, lines=[{"description": "x", "quantity": 1, "unit_amount": 100 * ROUNDS}], finalize=True
    )
    for _ in range(ROUNDS):
        charge = make_charge(tenant, invoice=invoice, amount=100, payment_method=CARD[moment], settle=False)
        kill_a_worker(moment, charge, gateway)

        with tenant_context(tenant):
            charge.refresh_from_db()
            assert (charge.status, charge.attempts) == ("pending", 1)
            assert charge.due_at > clock.now()  # the dead worker's lease
            Charge.objects.filter(id=charge.id).update(due_at=clock.now() - timedelta(seconds=1))
        assert len(gateway.ledger(charge.gateway_key)) == (0 if moment == "before" else 1)

        services.complete_payments()

        with tenant_context(tenant):
            charge.refresh_from_db()
        entries = gateway.ledger(charge.gateway_key)
        assert [(entry["status"], entry["amount"]) for entry in entries] == [("succeeded", 100)]
        assert (charge.status, charge.gateway_reference) == ("succeeded", entries[0]["id"])
        assert entries[0]["calls"] == (1 if moment == "before" else 2)

    with tenant_context(tenant):
        paid = Invoice.objects.get(id=invoice.id)
        assert (paid.status, paid.amount_paid, paid.amount_pending) == ("paid", 100 * ROUNDS, 0)
        assert OutboxEvent.objects.filter(type="charge.succeeded").count() == ROUNDS
        assert OutboxEvent.objects.filter(type="invoice.paid").count() == 1
