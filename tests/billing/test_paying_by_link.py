"""Paying an invoice by its link: once, whatever responses are lost, and settled only by Stripe's confirmed status.

Against `tests.billing.stripe_stand_in`, a local server in the place of a paid outside service.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.services import suspend_company
from billing import services
from billing.gateways import Outcome
from billing.models import Charge, Invoice
from billing.services.charges import settle_charge
from billing.services.errors import InvoiceHasPayments, PaymentExceedsAmountDue
from core import clock
from core.models import OutboxEvent, SetAside
from core.tenancy import system_context, tenant_context
from tests.billing.factories import make_charge, make_invoice, make_payment
from tests.billing.stripe_stand_in import Stripe
from tests.billing.test_invoice_links import link_to, path_of
from tests.billing.test_stripe import CARD, ask_again, fresh, stripe
from tests.billing.test_stripe_callbacks import LIVE_SECRET, TEST_SECRET, event, send
from tests.clients import random_address
from tests.factories import SYSTEM, World
from tests.threads import all_at_once

pytest.importorskip("stripe", reason="the SDK is an extra, which this environment is without")

__all__ = ["stripe"]

ROUNDS = 3


@pytest.fixture(autouse=True)
def _secrets(stripe: Stripe, settings: Settings) -> None:
    settings.STRIPE_LIVE_WEBHOOK_SECRET, settings.STRIPE_TEST_WEBHOOK_SECRET = LIVE_SECRET, TEST_SECRET


@pytest.fixture
def payer() -> Client:
    return Client(enforce_csrf_checks=True, REMOTE_ADDR=random_address())


def issued(world: World, mode: str = "live", **fields: Any) -> tuple[Invoice, str]:
    """Return an open invoice of 119.00 EUR and the path of a link to it."""
    invoice = make_invoice(world.tenant(mode), finalize=True, **fields)
    return invoice, path_of(link_to(invoice))


def charges_of(invoice: Invoice) -> list[Charge]:
    with tenant_context(invoice.tenant):
        return list(Charge.objects.filter(invoice=invoice).order_by("id"))


def text_of(payer: Client, path: str) -> str:
    return payer.get(path).content.decode()


def reason_set_aside(charge: Charge) -> str:
    with system_context(reason="tests"):
        found = SetAside.objects.filter(item=charge.public_id).first()
    return found.reason if found else ""


def test_payer_pays_what_is_due_and_comes_back(world: World, stripe: Stripe, payer: Client) -> None:
    invoice, path = issued(world)
    shown = payer.get(path)
    assert "Pay €119.00" in shown.content.decode()
    policy = shown.headers["Content-Security-Policy"].split("; ")
    assert "form-action 'self' https://checkout.stripe.com" in policy
    assert not shown.cookies

    sent = payer.post(f"{path}/pay")

    [session] = stripe.sessions.values()
    [charge] = charges_of(invoice)
    assert (sent.status_code, sent.headers["Location"]) == (303, session["url"])
    assert (session["amount_total"], session["currency"], session["livemode"]) == (11_900, "eur", True)
    assert session["metadata"] == {"pomelo_key": charge.gateway_key}
    [(_, _, asked, headers)] = stripe.calls
    assert asked["payment_intent_data[metadata][pomelo_key]"] == charge.gateway_key
    assert asked["line_items[0][price_data][product_data][name]"] == f"Invoice {invoice.number}"
    assert headers["idempotency-key"].startswith(charge.gateway_key)
    assert path_of(session["success_url"]) == f"{path}?payment=done"
    assert (charge.status, charge.amount, charge.payment_method) == ("pending", 11_900, "checkout")

    # The browser's parameter decides nothing.
    assert "A payment is being processed" in text_of(payer, f"{path}?payment=done")
    assert fresh(charge).status == "pending"
    stripe.pay(session["url"])
    assert payer.post(f"{path}/pay").headers["Location"] == f"{path}?payment=done"
    assert send(event("checkout.session.completed", session)) == 204
    assert fresh(charge).due_at - clock.now() < timedelta(seconds=11)
    assert charge.status == "pending"
    ask_again(charge)

    assert (charge.status, charge.gateway_reference) == ("succeeded", session["payment_intent"])
    assert fresh(invoice).status == "paid"
    back = text_of(payer, f"{path}?payment=done")
    assert "Payment received: €119.00" in back
    assert "Pay €" not in back
    with tenant_context(invoice.tenant):
        types = list(OutboxEvent.objects.filter(type__startswith="charge.").order_by("id").values_list("type", flat=True))  # fmt: skip
        refund = services.create_refund(charge=charge, amount=1_000, actor=SYSTEM)
    assert types == ["charge.created", "charge.succeeded"]
    services.complete_payments()
    assert (fresh(refund).status, len(stripe.given_back(refund.gateway_key))) == ("succeeded", 1)


def test_returning_payer_is_sent_to_the_open_checkout(world: World, stripe: Stripe, payer: Client) -> None:
    invoice, path = issued(world)
    other = path_of(link_to(invoice))

    addresses = {payer.post(f"{each}/pay").headers["Location"] for each in (path, path, other)}

    assert addresses == {session["url"] for session in stripe.sessions.values()}
    assert len(stripe.sessions) == len(charges_of(invoice)) == 1
    assert "was not completed" in text_of(payer, f"{path}?payment=left")
    assert "Pay €119.00" in text_of(payer, f"{path}?payment=left")


def test_concurrent_payers_by_two_links_share_one_checkout(world: World, stripe: Stripe) -> None:
    invoice, path = issued(world)
    doors = [path, path_of(link_to(invoice))] * 4

    answers = all_at_once(8, lambda one: Client(REMOTE_ADDR=random_address()).post(f"{doors[one]}/pay"))

    [charge] = charges_of(invoice)
    places = {answer.headers["Location"] for answer in answers if answer.status_code == 303}
    assert {answer.status_code for answer in answers} <= {303, 503}  # 503: Stripe is still creating the page
    assert places == {stripe.sessions[charge.checkout_session]["url"]}


def test_open_checkout_reserves_the_amount_until_it_expires(
    world: World, stripe: Stripe, payer: Client
) -> None:
    invoice, path = issued(world)
    first = payer.post(f"{path}/pay").headers["Location"]
    [charge] = charges_of(invoice)
    with pytest.raises(PaymentExceedsAmountDue):
        make_payment(invoice.tenant, invoice=invoice, amount=11_900)
    with pytest.raises(InvoiceHasPayments), tenant_context(invoice.tenant):
        services.void_invoice(invoice=invoice, actor=SYSTEM)

    assert ask_again(charge).status == "pending"
    [session] = stripe.sessions.values()
    session.update(status="expired", url=None)  # by Stripe's clock
    assert send(event("checkout.session.expired", session)) == 204
    ask_again(charge)

    assert (charge.status, charge.failure_code) == ("failed", "checkout_expired")
    assert "was not completed, and nothing was charged. You can try again." in text_of(
        payer, f"{path}?payment=left"
    )
    assert payer.post(f"{path}/pay").headers["Location"] not in (first, path)
    assert [each.status for each in charges_of(invoice)] == ["failed", "pending"]


@pytest.mark.parametrize("lost", ["made", "asked", "paid"])
def test_lost_gateway_responses_never_cause_a_second_payment(
    world: World, stripe: Stripe, lost: str, settings: Settings
) -> None:
    settings.GATEWAY_TIMEOUT_SECONDS, stripe.silent_seconds = 0.3, 0.6
    for _ in range(ROUNDS):
        payer = Client(REMOTE_ADDR=random_address())
        invoice, path = issued(world)
        if lost == "made":
            stripe.spoil("checkout/sessions")
            answer = payer.post(f"{path}/pay")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
            assert "does not answer right now" in answer.content.decode()
        address = payer.post(f"{path}/pay").headers["Location"]
        [charge] = charges_of(invoice)
        if lost == "asked":
            stripe.spoil(charge.checkout_session)
            assert payer.post(f"{path}/pay").status_code == 503
            assert payer.post(f"{path}/pay").headers["Location"] == address
        stripe.pay(address)
        if lost == "paid":
            stripe.spoil(charge.checkout_session, times=2)
            assert (ask_again(charge).status, ask_again(charge).status) == ("pending", "pending")
        ask_again(charge)

        # Nobody was sent to another page; if Stripe has one all the same, it is paid as well.
        for session in [each for each in stripe.sessions.values() if each["status"] == "open"]:
            stripe.pay(session["url"])
        assert (charge.status, fresh(invoice).status) == ("succeeded", "paid")
        assert len(stripe.taken(charge.gateway_key)) == len(charges_of(invoice)) == 1


def test_payment_without_a_checkout_is_abandoned_and_restarted(
    world: World, stripe: Stripe, payer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice, path = issued(world)
    stripe.spoil("checkout/sessions", (500, b"{}"), times=2)
    assert payer.post(f"{path}/pay").status_code == 503
    [charge] = charges_of(invoice)

    ask_again(charge)

    assert (charge.status, charge.failure_code) == ("failed", "checkout_abandoned")
    assert payer.post(f"{path}/pay").status_code == 503
    [_, second] = charges_of(invoice)
    monkeypatch.setattr("billing.services.checkouts.PAGE_WITHIN", timedelta(0))  # the completer was down

    assert payer.post(f"{path}/pay").status_code == 303

    assert [each.status for each in charges_of(invoice)] == ["failed", "failed", "pending"]
    assert fresh(second).failure_code == "checkout_abandoned"


def test_revoked_links_take_no_payment_and_close_the_checkout(
    world: World, stripe: Stripe, payer: Client
) -> None:
    invoice, path = issued(world)
    payer.post(f"{path}/pay")
    [charge] = charges_of(invoice)

    with tenant_context(invoice.tenant):
        services.revoke_links(invoice=invoice, actor=SYSTEM)
    services.complete_payments()

    [session] = stripe.sessions.values()
    assert (session["status"], fresh(charge).failure_code) == ("expired", "checkout_expired")
    assert payer.post(f"{path}/pay").status_code == 404
    assert payer.get(f"{path}/pay").status_code == 405
    assert len(charges_of(invoice)) == 1


def test_suspended_company_takes_no_payment_and_keeps_earlier_ones(
    world: World, stripe: Stripe, payer: Client
) -> None:
    (open_one, path), (paid_one, other) = issued(world), issued(world)
    payer.post(f"{path}/pay")
    stripe.pay(payer.post(f"{other}/pay").headers["Location"])
    with tenant_context(world.company.live_tenant):
        suspend_company(company=world.company, actor=SYSTEM, reason="Phishing")

    for charge in (*charges_of(open_one), *charges_of(paid_one)):
        ask_again(charge)

    assert payer.post(f"{path}/pay").status_code == 404
    assert (fresh(open_one).status, fresh(paid_one).status) == ("open", "paid")


def test_each_link_pays_its_own_invoice_with_the_key_of_its_mode(
    world: World, stripe: Stripe, payer: Client
) -> None:
    live, _ = issued(world)
    test, path = issued(world, "test")

    payer.post(f"{path}/pay")

    [session] = stripe.sessions.values()
    [charge] = charges_of(test)
    assert (session["livemode"], session["metadata"]["pomelo_key"]) == (False, charge.gateway_key)
    assert charges_of(live) == []


@pytest.mark.parametrize("reason", ["paid", "void", "being charged", "no key", "no gateway", "too small"])
def test_unpayable_invoice_has_no_button_and_starts_no_checkout(
    world: World,
    stripe: Stripe,
    payer: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
) -> None:
    lines = [{"description": "Sweets", "quantity": "1", "unit_amount": 10}]
    invoice, path = issued(world, **({"lines": lines} if reason == "too small" else {}))
    if reason == "paid":
        make_payment(invoice.tenant, invoice=invoice, amount=11_900)
    elif reason == "void":
        with tenant_context(invoice.tenant):
            services.void_invoice(invoice=invoice, actor=SYSTEM)
    elif reason == "being charged":
        stripe.spoil("confirm")
        make_charge(invoice.tenant, invoice=invoice, payment_method=CARD)
    elif reason == "no key":
        settings.STRIPE_LIVE_SECRET_KEY = ""
    elif reason == "no gateway":
        settings.BILLING_GATEWAY = ""
    before, pays = len(charges_of(invoice)), f"{path}/pay"
    assert ("/pay" in text_of(payer, path)) is (reason == "too small")

    answer = payer.post(pays)

    assert answer.status_code == 303
    if reason == "too small":  # known only to Stripe
        assert answer.headers["Location"] == f"{path}?payment=done"
        [charge] = charges_of(invoice)
        assert (charge.status, charge.failure_code) == ("failed", "amount_too_small")
        assert fresh(invoice).amount_pending == 0
        # Nobody can flood the company's charges and its receivers by repeated requests.
        assert payer.post(pays).headers["Location"] == f"{path}?payment=done"
        assert len(charges_of(invoice)) == 1
        assert "was not completed" in text_of(payer, f"{path}?payment=done")
        # Stripe's minimum amount may change later.
        monkeypatch.setattr("billing.services.checkouts.REFUSED_FOR", timedelta(0))
        payer.post(pays)
        assert len(charges_of(invoice)) == 2
    else:
        assert answer.headers["Location"] == path
        assert len(charges_of(invoice)) == before
    assert stripe.sessions == {}


def test_payer_is_redirected_to_stripe_only(world: World, stripe: Stripe, payer: Client) -> None:
    for pages in ("https://checkout.stripe.com.evil.example", "http://checkout.stripe.com", "https://a@checkout.stripe.com"):  # fmt: skip
        stripe.pages = pages
        invoice, path = issued(world)
        assert payer.post(f"{path}/pay").status_code == 503
        [charge] = charges_of(invoice)
        assert "payment pages are not at https://checkout.stripe.com" in reason_set_aside(charge)


def test_wrong_amount_is_reported_to_staff_and_settles_nothing(
    world: World, stripe: Stripe, payer: Client
) -> None:
    invoice, path = issued(world)
    session = stripe.pay(payer.post(f"{path}/pay").headers["Location"])
    [charge] = charges_of(invoice)
    session["amount_total"] = 100

    ask_again(charge)

    assert (charge.status, fresh(invoice).status) == ("pending", "open")
    assert "is about another amount" in reason_set_aside(charge)


def test_payment_for_a_failed_charge_is_reported_to_staff(
    world: World, stripe: Stripe, payer: Client
) -> None:
    invoice, path = issued(world)
    payer.post(f"{path}/pay")
    [charge] = charges_of(invoice)
    [session] = stripe.sessions.values()
    session["status"] = "expired"
    ask_again(charge)

    assert send(event("checkout.session.completed", {**session, "payment_status": "paid"})) == 204

    assert fresh(charge).status == "failed"
    assert reason_set_aside(charge).endswith(
        "was paid after the charge had failed. Refund it there, or record it."
    )


def test_payment_processing_for_days_stays_pending(world: World, stripe: Stripe, payer: Client) -> None:
    invoice, path = issued(world)
    session = stripe.pay(payer.post(f"{path}/pay").headers["Location"], then="unpaid")
    [charge] = charges_of(invoice)
    assert ask_again(charge, attempts=32_767).status == "pending"
    assert charge.attempts == 32_767

    session["payment_status"] = "paid"
    assert ask_again(charge).status == "succeeded"


def test_checkout_created_while_its_charge_is_abandoned_stays_payable(
    world: World, stripe: Stripe, payer: Client
) -> None:
    invoice, path = issued(world)
    stripe.spoil("checkout/sessions", (500, b"{}"))
    payer.post(f"{path}/pay")
    [seen_without_a_page] = charges_of(invoice)
    address = payer.post(f"{path}/pay").headers["Location"]

    with tenant_context(invoice.tenant):
        settle_charge(
            charge=seen_without_a_page,
            outcome=Outcome(succeeded=False, reference="", failure_code="checkout_abandoned"),
            actor=SYSTEM,
        )

    [charge] = charges_of(invoice)
    assert charge.status == "pending"
    stripe.pay(address)
    assert ask_again(charge).status == "succeeded"
