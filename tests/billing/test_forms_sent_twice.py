"""A form that moves money or creates something acts once, however often it is submitted, also without scripts."""

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
from core.tenancy import tenant_context
from tests.billing.factories import make_invoice, make_settled_charge
from tests.clients import form_token, send_form, sign_in, token_in
from tests.factories import World, make_customer
from tests.threads import all_at_once, is_blocking_another
from tests.waiting import wait_until

FREE = {"amount": "12.50", "currency": "EUR", "payment_method": "card_success"}

# The page of a form, its target, and its fields.
Form = tuple[str, str, dict[str, str]]


def free_charge(world: World) -> Form:
    return "/charges/new/", "/charges/new/", FREE


def invoice_charge(world: World) -> Form:
    page = f"/invoices/{make_invoice(world.tenant(), finalize=True).public_id}/"
    return page, f"{page}charge/", {"amount": "1.50", "payment_method": "card_success"}


def partial_refund(world: World) -> Form:
    page = f"/charges/{make_settled_charge(world.tenant(), amount=1000).public_id}/refund/"
    return page, page, {"amount": "1.50"}


def new_customer(world: World) -> Form:
    return "/customers/new/", "/customers/new/", {"name": "Bob"}


def new_draft(world: World) -> Form:
    customer = make_customer(world.tenant(), name="Ada").public_id
    line = {"line0-description": "Work", "line0-quantity": "1", "line0-unit_price": "10"}
    page = f"/invoices/new/?customer={customer}"
    return page, "/invoices/new/", {"customer": customer, "currency": "EUR", **line}


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
# Each form, how to count its effects, and the message after a second submission.
EVERY_FORM = pytest.mark.parametrize(
    ("form", "count", "told"),
    [
        *((form, payments, "no money was moved a second time") for form in MONEY_FORMS),
        (new_customer, partial(created, event="customer.created"), "nothing was created a second time"),
        (new_draft, partial(created, event="invoice.created"), "nothing was created a second time"),
    ],
)


@EVERY_FORM
def test_duplicate_form_submission_acts_once_and_shows_the_first_result(
    browser: Client, world: World, form: Callable[[World], Form], count: Callable[[World], int], told: str
) -> None:
    page, action, fields = form(world)
    sent = {**fields, **form_token(browser, page)}

    first, second = browser.post(action, sent), browser.post(action, sent)

    assert (first.status_code, second.status_code) == (302, 302)
    assert second.headers["Location"] == first.headers["Location"]
    assert told in browser.get(second.headers["Location"]).content.decode()
    assert count(world) == 1


@pytest.mark.parametrize("form", MONEY_FORMS)
def test_concurrent_form_submissions_act_once(
    world: World, form: Callable[[World], Form], monkeypatch: pytest.MonkeyPatch
) -> None:
    page, action, fields = form(world)
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


@EVERY_FORM
def test_new_form_acts_again(
    browser: Client, world: World, form: Callable[[World], Form], count: Callable[[World], int], told: str
) -> None:
    page, action, fields = form(world)

    for _ in range(2):
        assert send_form(browser, page, fields, action=action).status_code == 302

    assert count(world) == 2


@EVERY_FORM
def test_form_without_its_token_does_nothing(
    browser: Client, world: World, form: Callable[[World], Form], count: Callable[[World], int], told: str
) -> None:
    _page, action, fields = form(world)

    for token in ({}, {"form_token": "guess"}, {"form_token": "0" * 300}):
        answer = browser.post(action, {**fields, **token})
        assert answer.status_code == 422
        assert "Please submit it again." in answer.content.decode()

    assert count(world) == 0


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
    page, action, fields = new_draft(world)
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
