"""A page offers what is accepted, and no more: every object, in each of its states, by each of its buttons.

What is not offered is not shown either to whoever has the address: the page that asks refuses as the action would.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import Company, Membership, User
from accounts.roles import Role
from accounts.services import invite_member
from apikeys.models import ApiKey
from apikeys.services import revoke_key, rotate_key
from billing import services
from billing.models import Charge, Invoice
from core import clock
from core.tenancy import Tenant, tenant_context
from messaging.models import DkimKey, Message
from tests.billing.factories import (
    make_charge,
    make_credit_note,
    make_invoice,
    make_payment,
    make_refund,
    make_settled_charge,
)
from tests.clients import sign_in
from tests.contracts.offers import content_of, refused_offers
from tests.factories import SYSTEM, World, join, make_customer, make_key, make_user, new_secret
from tests.messaging.samples import make_domain, make_message
from tests.webhooks.samples import make_delivery
from tests.webhooks.steps import make_endpoint
from webhooks.models import Delivery, Endpoint, RecoveryJob

pytestmark = pytest.mark.usefixtures("template_contexts")

Make = Callable[[Tenant], str]
DISABLED = {"enabled": False, "disabled_reason": "manual", "disabled_at": clock.now()}


def invoice_page(invoice: Invoice) -> str:
    return f"/invoices/{invoice.public_id}/"


def charge_page(charge: Charge) -> str:
    return f"/charges/{charge.public_id}/"


def stepped(step: Callable[..., Invoice]) -> Make:
    def make(tenant: Tenant) -> str:
        invoice = make_invoice(tenant, finalize=True)
        with tenant_context(tenant):
            return invoice_page(step(invoice=invoice, actor=SYSTEM))

    return make


def draft_of_deleted_customer(tenant: Tenant) -> str:
    customer = make_customer(tenant)
    invoice = make_invoice(tenant, customer=customer)
    with tenant_context(tenant):
        services.delete_customer(customer=customer, actor=SYSTEM)
    return invoice_page(invoice)


def charged(**fields: object) -> Make:
    def make(tenant: Tenant) -> str:
        invoice = make_invoice(tenant, finalize=True)
        make_charge(tenant, settle=False, invoice=invoice, **fields)
        return invoice_page(invoice)

    return make


def paid(amount: int, *, credited: int = 0, given_up: bool = False, undone: bool = False) -> Make:
    def make(tenant: Tenant) -> str:
        invoice = make_invoice(tenant, finalize=True)
        payment = make_payment(tenant, invoice=invoice, amount=amount)
        if credited:
            make_credit_note(tenant, invoice=invoice, amount=credited)
        with tenant_context(tenant):
            if undone:
                services.undo_payment(payment=payment, actor=SYSTEM, reason="Entered twice")
            if given_up:
                services.mark_uncollectible(invoice=invoice, actor=SYSTEM)
        return invoice_page(invoice)

    return make


def failed_charge(tenant: Tenant) -> str:
    return charge_page(make_charge(tenant, payment_method="card_declined"))


def refunded(amount: int) -> Make:
    def make(tenant: Tenant) -> str:
        return charge_page(make_refund(tenant, amount=amount).charge)

    return make


def credit_note(*, then: str = "") -> Make:
    def make(tenant: Tenant) -> str:
        note = make_credit_note(tenant)
        with tenant_context(tenant):
            if then == "void":
                services.void_credit_note(credit_note=note, actor=SYSTEM)
            if then == "given up":
                services.mark_uncollectible(invoice=note.invoice, actor=SYSTEM)
        return f"/credit_notes/{note.public_id}/"

    return make


def key(*, rotated: bool = False, revoked: bool = False, **columns: object) -> Make:
    def make(tenant: Tenant) -> str:
        made = make_key(Company(id=tenant.company_id), mode=tenant.mode).key
        with tenant_context(tenant):
            if rotated:
                rotate_key(key=made, overlap=timedelta(hours=1), secret=new_secret(), actor=SYSTEM)
            if revoked:
                revoke_key(key=made, actor=SYSTEM)
            ApiKey.objects.filter(id=made.id).update(**columns)
        return f"/keys/{made.public_id}/"

    return make


def endpoint(*, recovering: bool = False, **columns: object) -> Make:
    def make(tenant: Tenant) -> str:
        row = _only_endpoint(tenant)
        with tenant_context(tenant):
            Endpoint.objects.filter(id=row.id).update(**columns)
            if recovering:
                now = clock.now()
                RecoveryJob.objects.create(
                    endpoint=row, kind="failed", since=now - timedelta(hours=1), until=now
                )
        return f"/webhooks/{row.public_id}/"

    return make


def delivery(status: str, **of_endpoint: object) -> Make:
    def make(tenant: Tenant) -> str:
        _only_endpoint(tenant)
        public_id = make_delivery(tenant)
        with tenant_context(tenant):
            row = Delivery.by_public_id(public_id)
            waits = status in ("pending", "sending")
            Delivery.objects.filter(id=row.id).update(
                status=status,
                due_at=clock.now() + timedelta(days=1) if waits else None,
                finished_at=None if waits else clock.now(),
            )
            Endpoint.objects.filter(id=row.endpoint_id).update(**of_endpoint)
        return f"/webhooks/deliveries/{public_id}/"

    return make


def message(status: str) -> Make:
    def make(tenant: Tenant) -> str:
        public_id = make_message(tenant)
        with tenant_context(tenant):
            row = Message.objects.get(id=Message.by_public_id(public_id).id)
            due = row.due_at if status in ("scheduled", "sending") else None
            Message.objects.filter(id=row.id).update(status=status, due_at=due)
        return f"/messages/{public_id}/"

    return make


def domain(*, second_key: bool) -> Make:
    def make(tenant: Tenant) -> str:
        public_id = make_domain(tenant)
        with tenant_context(tenant):
            DkimKey.objects.filter(domain__domain__isnull=False).update(verified=second_key)
        return f"/messages/senders/domains/{public_id}/"

    return make


STATES: dict[str, Make] = {
    "a draft": lambda tenant: invoice_page(make_invoice(tenant)),
    "a draft without lines": lambda tenant: invoice_page(make_invoice(tenant, lines=[])),
    "a draft of a deleted customer": draft_of_deleted_customer,
    "an open invoice": lambda tenant: invoice_page(make_invoice(tenant, finalize=True)),
    "an invoice that is being charged": charged(),
    "an invoice that is being charged in part": charged(amount=1_000),
    "an invoice paid in part": paid(1_900),
    "an invoice whose payment was undone": paid(1_900, undone=True),
    "a paid invoice": paid(11_900),
    "a paid invoice that was credited": paid(11_900, credited=11_900),
    "an invoice given up after a payment": paid(1_900, given_up=True),
    "a void invoice": stepped(services.void_invoice),
    "an uncollectible invoice": stepped(services.mark_uncollectible),
    "a pending charge": lambda tenant: charge_page(make_charge(tenant, settle=False)),
    "a succeeded charge": lambda tenant: charge_page(make_settled_charge(tenant)),
    "a failed charge": failed_charge,
    "a charge refunded in part": refunded(100),
    "a refunded charge": refunded(5_000),
    "a credit note": credit_note(),
    "a void credit note": credit_note(then="void"),
    "a credit note of an uncollectible invoice": credit_note(then="given up"),
    "a key": key(),
    "a key in rotation": key(rotated=True),
    "an expired key": key(expires_at=clock.now() - timedelta(days=1)),
    "a revoked key": key(revoked=True),
    "an endpoint": endpoint(),
    "a disabled endpoint": endpoint(**DISABLED),
    "an endpoint that is being recovered": endpoint(recovering=True),
    "a pending delivery": delivery("pending"),
    "a delivery that is being sent": delivery("sending"),
    "a successful delivery": delivery("succeeded"),
    "an exhausted delivery": delivery("exhausted"),
    "a delivery to a disabled endpoint": delivery("exhausted", **DISABLED),
    "a delivery to a deleted endpoint": delivery("canceled", deleted_at=clock.now()),
    "a scheduled message": message("scheduled"),
    "a message that is being sent": message("sending"),
    "a sent message": message("sent"),
    "a canceled message": message("canceled"),
    "a domain without another key": domain(second_key=False),
    "a domain with another key": domain(second_key=True),
}


@pytest.mark.parametrize("state", STATES)
def test_what_a_page_offers_is_accepted(state: str, world: World) -> None:
    browser = sign_in(world.owner, world.company)

    assert not refused_offers(browser, lambda: STATES[state](world.tenant()))


INVOICE_STEPS = ("edit_invoice", "delete_invoice", "finalize_invoice", "void_invoice", "give_up_invoice",
                 "record_payment", "credit_invoice")  # fmt: skip
STEPS = {"invoices": INVOICE_STEPS, "charges": ("refund_charge",), "credit_notes": ("void_credit_note",)}


@pytest.mark.parametrize(
    "state",
    [name for name in STATES if any(what in name for what in ("draft", "invoice", "charge", "credit"))],
)
def test_actions_that_are_not_offered_are_not_confirmed_either(state: str, world: World) -> None:
    browser = sign_in(world.owner, world.company)
    address = STATES[state](world.tenant())
    offered = content_of(browser.get(address))
    resource, public_id = address.strip("/").split("/")

    wrong = []
    for step in STEPS[resource]:
        page = reverse(f"billing:{step}", args=[public_id])
        answer = browser.get(page)
        if answer.status_code != (200 if f'"{page}"' in offered else 409):
            wrong.append(f"{step}: {answer.status_code}")

    assert not wrong


def test_draft_says_why_no_payment_can_be_recorded(world: World) -> None:
    browser = sign_in(world.owner, world.company)
    invoice = make_invoice(world.tenant())
    page = reverse("billing:record_payment", args=[invoice.public_id])

    answers = [browser.get(page), browser.post(page, {"amount": "1.00", "method": "cash"}, HTTP_REFERER=page)]

    assert answers[0].status_code == 409
    assert "The invoice is a draft." in answers[0].content.decode()
    assert "Finalize it first." in answers[0].content.decode()
    assert "The invoice is a draft." in browser.get(invoice_page(invoice)).content.decode()
    with tenant_context(world.tenant()):
        assert not invoice.payments.exists()


def test_charge_of_a_removed_gateway_offers_no_refund(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = sign_in(world.owner, world.company)
    page = charge_page(make_settled_charge(world.tenant()))
    assert f"{page}refund/" in content_of(browser.get(page))

    monkeypatch.setattr("billing.services.refunds.gateway_names", frozenset)

    assert f"{page}refund/" not in content_of(browser.get(page))
    assert browser.get(f"{page}refund/").status_code == 409


def test_the_team_page_offers_what_is_accepted(world: World) -> None:
    admin = make_user("admin")
    join(world.company, admin, Role.ADMIN)
    with tenant_context(world.tenant()):
        owner = Membership.objects.get(user=world.owner)
        [(theirs, _), (ours, _)] = [
            invite_member(email=f"{role}@acme.example", role=role, inviter=owner, actor=SYSTEM)
            for role in (Role.OWNER, Role.VIEWER)
        ]

    as_owner = content_of(sign_in(world.owner, world.company).get("/team/"))
    as_admin = content_of(sign_in(admin, world.company).get("/team/"))

    assert "/team/leave/" not in as_owner.replace('action="/team/leave/"', "")  # nobody else owns the company
    assert 'href="/team/leave/"' in as_admin
    assert f"{theirs.public_id}/resend/" not in as_admin  # an admin cannot make owners
    assert f"{ours.public_id}/resend/" in as_admin
    assert sign_in(world.owner, world.company).get("/team/leave/").status_code == 409


def test_owner_may_leave_only_if_another_owner_can_sign_in(world: World) -> None:
    other = make_user("other")
    join(world.company, other, Role.OWNER)
    browser = sign_in(world.owner, world.company)
    assert 'href="/team/leave/"' in content_of(browser.get("/team/"))

    User.objects.filter(pk=other.pk).update(is_active=False)

    assert 'href="/team/leave/"' not in content_of(browser.get("/team/"))


def _only_endpoint(tenant: Tenant) -> Endpoint:
    """Return a new endpoint in the place of those before it: a plan allows only so many."""
    with tenant_context(tenant):
        Endpoint.objects.filter(deleted_at=None).update(deleted_at=clock.now())
    return make_endpoint(tenant, "https://example.com/hook")[0]
