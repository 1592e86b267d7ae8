"""After a change of gateways, the former one completes and refunds its own charges."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from billing import gateways, services
from billing.models import Charge
from billing.services.errors import ChargeNotRefundable
from core.tenancy import tenant_context
from tests.billing.factories import make_charge
from tests.billing.pocket_gateway import PocketGateway
from tests.factories import SYSTEM, World


class OldGateway(PocketGateway):
    """The former gateway."""

    name = "old"


class NewGateway(PocketGateway):
    """The gateway for new charges."""

    name = "new"


@pytest.fixture(autouse=True)
def _old_first(settings: Settings) -> Iterator[None]:
    settings.BILLING_GATEWAY = f"{__name__}.OldGateway"
    gateways._load.cache_clear()
    yield
    gateways._load.cache_clear()


def switch(settings: Settings, *, keep: bool) -> None:
    settings.BILLING_GATEWAY = f"{__name__}.NewGateway"
    settings.BILLING_FORMER_GATEWAYS = [f"{__name__}.OldGateway"] if keep else []


def keys_at(name: str) -> set[str]:
    gateway = gateways.gateway_named(name)
    assert isinstance(gateway, PocketGateway)
    return {entry.key for entry in gateway.ledger.entries()}


def test_each_gateway_completes_and_refunds_its_own_charges(world: World, settings: Settings) -> None:
    taken, begun = make_charge(world.tenant()), make_charge(world.tenant(), settle=False)
    switch(settings, keep=True)
    fresh = make_charge(world.tenant(), settle=False)
    with tenant_context(world.tenant()):
        refund = services.create_refund(charge=taken, actor=SYSTEM, amount=100)

    services.complete_payments()

    assert keys_at("old") == {taken.gateway_key, begun.gateway_key, refund.gateway_key}
    assert keys_at("new") == {fresh.gateway_key}
    with tenant_context(world.tenant()):
        refund.refresh_from_db()
        statuses = set(Charge.objects.values_list("status", flat=True))
    assert (statuses, refund.status) == ({"succeeded"}, "succeeded")


def test_charges_of_a_removed_gateway_never_go_to_the_new_one(world: World, settings: Settings) -> None:
    taken, begun = make_charge(world.tenant()), make_charge(world.tenant(), settle=False)
    switch(settings, keep=False)

    services.complete_payments()
    with pytest.raises(ChargeNotRefundable), tenant_context(world.tenant()):
        services.create_refund(charge=taken, actor=SYSTEM, full=True)

    assert keys_at("new") == set()
    with tenant_context(world.tenant()):
        begun.refresh_from_db()
        taken.refresh_from_db()
    assert (begun.status, begun.attempts, taken.amount_refund_pending) == ("pending", 0, 0)
