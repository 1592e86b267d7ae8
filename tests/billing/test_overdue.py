"""An invoice is overdue from the day after its due date, and the event is published once."""

from datetime import date, datetime, timedelta

import pytest

from billing import services
from billing.models import Invoice
from billing.services import overdue
from billing.services.invoices import lock_invoice
from core import clock
from core.models import OutboxEvent
from core.tenancy import Tenant, tenant_context
from tests.billing.factories import make_invoice, make_payment
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, make_key
from tests.poison import REASON, poison, reason_of

DUE = date(2026, 3, 31)
NEXT_DAY = datetime(2026, 4, 1, tzinfo=clock.now().tzinfo)


def make_due(tenant: Tenant, **fields: object) -> Invoice:
    return make_invoice(tenant, **{"finalize": True, "due_date": DUE, **fields})


def overdue_events_of(invoice: Invoice) -> int:
    with tenant_context(invoice.tenant):
        return OutboxEvent.objects.filter(type="invoice.overdue", object_id=invoice.public_id).count()


def test_overdue_invoice_is_announced_once_on_the_next_day(world: World) -> None:
    invoice, draft = make_due(world.tenant()), make_due(world.tenant(), finalize=False)
    later = make_due(world.tenant(), due_date=DUE + timedelta(days=1))

    services.detect_overdue(now=NEXT_DAY - timedelta(seconds=1))
    assert overdue_events_of(invoice) == 0
    services.detect_overdue(now=NEXT_DAY)
    services.detect_overdue(now=NEXT_DAY)

    assert [overdue_events_of(row) for row in (invoice, draft, later)] == [1, 0, 0]
    payment = make_payment(world.tenant(), invoice=invoice, amount=11_900)
    with tenant_context(world.tenant()):
        services.undo_payment(payment=payment, actor=SYSTEM, reason="Bounced")
    services.detect_overdue(now=NEXT_DAY)
    assert overdue_events_of(invoice) == 1


def test_just_paid_invoice_is_not_overdue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    invoice = make_due(world.tenant())

    def pay_first(found: Invoice) -> Invoice:
        if found.id == invoice.id:
            make_payment(world.tenant(), invoice=invoice, amount=11_900)
        return lock_invoice(found)

    monkeypatch.setattr(overdue, "lock_invoice", pay_first)
    services.detect_overdue(now=NEXT_DAY)
    assert overdue_events_of(invoice) == 0


def test_invoice_list_filters_by_overdue(world: World) -> None:
    client = ApiClient(make_key(world.company, scopes=("invoices:read",)).client_secret)
    late, draft = make_due(world.tenant()), make_due(world.tenant(), finalize=False)
    undated = make_invoice(world.tenant(), finalize=True)
    paid = make_due(world.tenant())
    make_payment(world.tenant(), invoice=paid, amount=11_900)

    found = {
        value: [row["id"] for row in client.get(f"/v1/invoices?overdue={value}").json["data"]]
        for value in ("true", "false")
    }

    assert found == {"true": [late.public_id], "false": [row.public_id for row in (paid, undated, draft)]}
    assert client.get("/v1/invoices?overdue=yes").json["error"]["fields"][0]["field"] == "overdue"


def test_sweep_is_bounded_and_the_next_one_continues(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Due so long ago that no invoice of another test comes first.
    first, second, third = (make_due(world.tenant(), due_date=date(2000, 1, day)) for day in (1, 2, 3))
    monkeypatch.setattr(overdue, "BATCH", 1)
    monkeypatch.setattr(overdue, "MAX_BATCHES", 2)

    services.detect_overdue(now=NEXT_DAY)
    assert [overdue_events_of(row) for row in (first, second, third)] == [1, 1, 0]

    services.detect_overdue(now=NEXT_DAY)
    assert overdue_events_of(third) == 1


def test_failing_overdue_invoice_does_not_block_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = make_due(world.tenant()), make_due(world.other_tenant())
    poison(monkeypatch, overdue, "lock_invoice", lambda row: row.id == bad.id)
    monkeypatch.setattr(overdue, "BATCH", 1)

    services.detect_overdue(now=NEXT_DAY)

    assert (overdue_events_of(bad), overdue_events_of(good)) == (0, 1)
    assert reason_of("billing.detect_overdue", bad.public_id) == REASON
    assert reason_of("billing.detect_overdue", good.public_id) is None
