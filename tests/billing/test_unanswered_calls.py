"""A silent or unreachable gateway: nothing is charged twice, and nothing stays pending forever."""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from billing import services
from billing.models import Charge, Invoice, Refund
from billing.retry import CLOCK
from core import clock
from core.tenancy import tenant_context
from tests.billing.factories import make_charge, make_invoice
from tests.factories import SYSTEM, World
from tests.sandbox import SandboxProcess, start_sandbox


@pytest.fixture(autouse=True)
def _impatient(settings: Settings) -> None:
    settings.GATEWAY_TIMEOUT_SECONDS = 2.0


def attempt(payment: Charge | Refund) -> None:
    """Advance the time to the next attempt, and make it."""
    with tenant_context(payment.tenant):
        type(payment).objects.filter(id=payment.id, status="pending").update(
            due_at=clock.now() - timedelta(seconds=1)
        )
    services.complete_payments(max_batches=1)
    with tenant_context(payment.tenant):
        payment.refresh_from_db()


def attempt_until_given_up(payment: Charge | Refund, settings: Settings, gateway: SandboxProcess) -> None:
    """Make all remaining attempts: none gets a response, and after the last one the payment has failed, at the gateway too."""
    settings.GATEWAY_TIMEOUT_SECONDS = 0.3  # whatever the timeout: no response arrives
    for made in range(payment.attempts + 1, CLOCK.attempts):
        attempt(payment)
        assert (payment.status, payment.attempts) == ("pending", made)
    settings.GATEWAY_TIMEOUT_SECONDS = 10.0
    attempt(payment)
    assert (payment.status, payment.failure_code) == ("failed", "gateway_timeout")
    [entry] = gateway.ledger(payment.gateway_key)
    assert (entry["status"], entry["failure_code"]) == ("failed", "gateway_timeout")


def test_charge_without_a_response_is_found_at_the_next_attempt(
    world: World, gateway: SandboxProcess
) -> None:
    charge = make_charge(world.tenant(), payment_method="card_timeout_success")
    assert (charge.status, charge.attempts) == ("pending", 1)
    assert timedelta(0) < charge.due_at - clock.now() <= CLOCK.waits[0]
    attempt(charge)
    [entry] = gateway.ledger(charge.gateway_key)
    assert (charge.status, charge.gateway_reference, entry["calls"]) == ("succeeded", entry["id"], 2)


def test_charge_is_abandoned_when_the_gateway_never_responds(
    world: World, gateway: SandboxProcess, settings: Settings
) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    settings.GATEWAY_TIMEOUT_SECONDS = 0.3  # whatever the timeout: no response arrives
    charge = make_charge(world.tenant(), invoice=invoice, payment_method="card_timeout_unknown")
    assert charge.attempts == 1
    attempt_until_given_up(charge, settings, gateway)
    with tenant_context(world.tenant()):
        assert Invoice.objects.get(id=invoice.id).amount_chargeable == 11_900


def test_unanswered_refund_is_abandoned_and_can_be_repeated(
    world: World, gateway: SandboxProcess, settings: Settings
) -> None:
    charge = make_charge(world.tenant())
    with tenant_context(world.tenant()):
        refund = services.create_refund(charge=charge, amount=4_004, actor=SYSTEM)
    assert refund.attempts == 0
    attempt_until_given_up(refund, settings, gateway)
    with tenant_context(world.tenant()):
        charge.refresh_from_db()
    assert (charge.amount_refunded, charge.amount_refundable) == (0, 5_000)


@pytest.fixture
def stopped_gateway(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_unreachable_gateway_is_retried_after_it_recovers(world: World, stopped_gateway: Path) -> None:
    charge = make_charge(world.tenant())
    assert (charge.status, charge.attempts) == ("pending", 1)
    process = start_sandbox(stopped_gateway)
    try:
        attempt(charge)
        assert charge.status == "succeeded"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)


def test_ledger_survives_a_killed_gateway(world: World, stopped_gateway: Path) -> None:
    process = start_sandbox(stopped_gateway)
    charge = make_charge(world.tenant(), payment_method="card_timeout_success")
    assert charge.status == "pending"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    process = start_sandbox(stopped_gateway)
    try:
        attempt(charge)
        [entry] = SandboxProcess(process).ledger(charge.gateway_key)
        assert (charge.status, entry["calls"]) == ("succeeded", 2)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
