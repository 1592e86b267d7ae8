"""Forms that move money or create something, sent at once, again and corrected (tests/contracts has what holds for every form)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.test import Client

from billing import services
from billing.models import Charge, Customer, Invoice, Refund
from core.api.idempotency import has_idempotent_write
from core.clock import now
from core.models import IdempotencyRecord, OutboxEvent
from core.tenancy import Tenant, tenant_context
from tests.billing.samples import FREE, free_charge, invoice_charge, new_customer, new_draft, partial_refund
from tests.clients import form_token, send_form, sign_in, token_in
from tests.contracts.by_app import Form
from tests.factories import World
from tests.threads import all_at_once, is_blocking_another
from tests.waiting import wait_until


@pytest.fixture
def browser(world: World) -> Client:
    return sign_in(world.teammate, world.company)


def payments(world: World) -> int:
    """Return the number of pending payments, each with its event."""
    with tenant_context(world.tenant()):
        waiting = sum(table.objects.filter(status="pending").count() for table in (Charge, Refund))
        asked = OutboxEvent.objects.filter(type__in=["charge.created", "refund.created"]).count()
        settled = Charge.objects.exclude(status="pending").count()
    assert asked == waiting + settled
    return waiting


def created(world: World, event: str) -> int:
    """Return the number of customers named Bob, or of drafts, each with its event."""
    with tenant_context(world.tenant()):
        rows = Customer.objects.filter(name="Bob").count() + Invoice.objects.count()
        by_form = OutboxEvent.objects.filter(type=event)
        assert by_form.count() == rows
    return rows


MONEY_FORMS = [free_charge, invoice_charge, partial_refund]


@pytest.mark.parametrize("form", MONEY_FORMS)
def test_concurrent_form_submissions_act_once(
    world: World, form: Callable[[Tenant], Form], monkeypatch: pytest.MonkeyPatch
) -> None:
    page, action, fields = form(world.tenant())
    sent = {**fields, **form_token(sign_in(world.teammate, world.company), page)}
    acting = []

    def wait_for_the_twin(service: Callable[..., Any]) -> Callable[..., Any]:
        def slow(**values: Any) -> Any:
            acting.append(service)
            wait_until(lambda: is_blocking_another() or len(acting) > 1, "the twin neither waited nor acted")
            return service(**values)

        return slow

    for name in ("create_charge", "create_refund"):
        monkeypatch.setattr(services, name, wait_for_the_twin(getattr(services, name)))

    answers = all_at_once(2, lambda _: sign_in(world.teammate, world.company).post(action, sent))

    assert {answer.status_code for answer in answers} == {302}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len(acting) == 1
    assert payments(world) == 1


@pytest.mark.parametrize(
    ("form", "count"),
    [
        *((form, payments) for form in MONEY_FORMS),
        (new_customer, partial(created, event="customer.created")),
        (new_draft, partial(created, event="invoice.created")),
    ],
)
def test_new_form_acts_again(
    browser: Client, world: World, form: Callable[[Tenant], Form], count: Callable[[World], int]
) -> None:
    page, action, fields = form(world.tenant())

    for _ in range(2):
        assert send_form(browser, page, fields, action=action).status_code == 302

    assert count(world) == 2


def test_changing_the_amount_after_going_back_asks_for_confirmation(browser: Client, world: World) -> None:
    sent = {**FREE, **form_token(browser, "/charges/new/")}
    browser.post("/charges/new/", sent)

    asked = browser.post("/charges/new/", {**sent, "amount": "99"})

    assert asked.status_code == 422
    assert "This form was already submitted with other values" in asked.content.decode()
    assert payments(world) == 1

    assert browser.post("/charges/new/", {**sent, "amount": "99", **token_in(asked)}).status_code == 302
    assert payments(world) == 2


def test_corrected_form_keeps_its_token_and_works(browser: Client, world: World) -> None:
    sent = {**FREE, **form_token(browser, "/charges/new/")}

    refused = browser.post("/charges/new/", {**sent, "amount": "0"})

    assert refused.status_code == 422
    assert sent["form_token"] in refused.content.decode()
    assert browser.post("/charges/new/", sent).status_code == 302
    assert payments(world) == 1


def test_form_token_of_another_company_or_mode_is_ignored(browser: Client, world: World) -> None:
    sent = {**FREE, **form_token(browser, "/charges/new/")}
    outsider = sign_in(world.outsider, world.other_company)

    assert browser.post("/charges/new/", sent).status_code == 302
    assert outsider.post("/charges/new/", sent).status_code == 302

    for tenant in (world.tenant(), world.other_tenant()):
        with tenant_context(tenant):
            assert Charge.objects.count() == 1


def test_adding_lines_keeps_the_form_token(browser: Client, world: World) -> None:
    page, action, fields = new_draft(world.tenant())
    sent = {**fields, **form_token(browser, page)}

    more = browser.post(action, {**sent, "more": "1"})

    assert token_in(more) == {"form_token": sent["form_token"]}
    assert {browser.post(action, sent).status_code for _ in range(2)} == {302}
    assert created(world, "invoice.created") == 1


def test_forms_do_not_count_as_idempotent_writes_of_a_program(browser: Client, world: World) -> None:
    send_form(browser, "/charges/new/", FREE)

    with tenant_context(world.tenant()):
        assert IdempotencyRecord.objects.count() == 1
        assert not has_idempotent_write(now())
