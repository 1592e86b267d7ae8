"""How to bring about every refusal that has a public code.

`REFUSALS` is keyed by the code. Each entry makes what it needs in its own world, is refused once, through the door a person
or a program would use, and returns what came of it: an answer of the API, a page, or, where only a race between two clicks
or a page of the staff leads there, the error of the service itself. A new code adds a line here; `test_refusals` says so.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from unittest import mock

import pytest
from django.db import connections, transaction
from django.http import HttpResponse
from django.test import override_settings

from accounts.models import Membership, User
from accounts.roles import Role
from accounts.services import invite_member, suspend_company
from apikeys.models import ApiKey
from apikeys.services import revoke_key
from billing import services as billing
from billing.services.tiers import change_tier, request_tier, withdraw_tier_request
from core import clock, valkey
from core.api.idempotency import lock_number
from core.api.scopes import SCOPES
from core.errors import DomainError
from core.tenancy import tenant_context
from tests.billing.factories import LINE, make_charge, make_invoice, make_settled_charge
from tests.clients import ApiAnswer, ApiClient, random_address, sign_in
from tests.contracts.samples import BODIES, make_delivery, make_message
from tests.factories import SYSTEM, World, join, make_customer, make_key, make_user
from tests.webhooks.steps import make_endpoint
from webhooks.models import Delivery


@dataclass(frozen=True, slots=True)
class Page:
    """What a browser was shown, and the words by which it tells of the refusal (None: the error's own)."""

    response: HttpResponse
    says: str | None


Outcome = ApiAnswer | Page | DomainError
Refusal = Callable[[World], Outcome]
REFUSALS: dict[str, Refusal] = {}

ADA = {"name": "Ada Lovelace"}


def refusal(function: Refusal) -> Refusal:
    """Register a function under its name, which is the code it brings about."""
    REFUSALS[function.__name__] = function
    return function


def client_of(world: World, **chosen: object) -> ApiClient:
    """Return a client whose key may do everything, unless `chosen` says otherwise."""
    settings = {"scopes": list(SCOPES), "rate_limit": 60, **chosen}
    return ApiClient(make_key(world.company, **settings).client_secret, ip=random_address())


def page(world: World, user: User, path: str, *, says: str | None = None, **data: str) -> Page:
    """Send a form as `user`, and follow where the answer leads."""
    return Page(sign_in(user, world.company).post(path, data, follow=True), says)


@contextlib.contextmanager
def caught() -> Iterator[list[DomainError]]:
    """Collect the error that the block raises."""
    errors: list[DomainError] = []
    with pytest.raises(DomainError) as raised:
        yield errors
    errors.append(raised.value)


# --- the request itself -----------------------------------------------------------------------------------------------


@refusal
def invalid_request(world: World) -> Outcome:
    return client_of(world).post("/v1/customers", raw=b"{")


@refusal
def validation_failed(world: World) -> Outcome:
    return client_of(world).post("/v1/customers", {"name": 7})


@refusal
def invalid_idempotency_key(world: World) -> Outcome:
    return client_of(world).post("/v1/customers", ADA, idempotency_key="x" * 256)


@refusal
def method_not_allowed(world: World) -> Outcome:
    return client_of(world).delete("/v1/customers")


@refusal
def not_acceptable(world: World) -> Outcome:
    return client_of(world).get("/v1/customers", headers={"Accept": "text/html"})


@refusal
def body_too_large(world: World) -> Outcome:
    return client_of(world).post("/v1/customers", raw=b'{"name": "' + b"x" * 1_048_576 + b'"}')


@refusal
def incomplete_body(world: World) -> Outcome:
    client = client_of(world)
    answer = client.client.generic(
        "POST",
        "/v1/customers",
        content_type="application/json",
        headers={"Authorization": f"Bearer {client.secret}"},
        **{"CONTENT_LENGTH": "15", "wsgi.input": io.BytesIO(b'{"name": "A')},
    )
    return ApiAnswer(answer)


@refusal
def unsupported_media_type(world: World) -> Outcome:
    return client_of(world).post("/v1/customers", raw=b"name=Ada", content_type="text/plain")


@refusal
def not_found(world: World) -> Outcome:
    return client_of(world).get(f"/v1/customers/{make_customer(world.other_tenant()).public_id}")


@refusal
def https_required(world: World) -> Outcome:
    client = client_of(world)
    with override_settings(REQUIRE_HTTPS=True):
        return client.get("/v1/whoami")


@refusal
def internal_error(world: World) -> Outcome:
    with mock.patch("billing.services.customers.publish", side_effect=RuntimeError("a bug")):
        return client_of(world).post("/v1/customers", ADA)


@refusal
def temporarily_unavailable(world: World) -> Outcome:
    client = client_of(world)
    nobody_listens = "redis://127.0.0.1:1/0"
    try:
        with override_settings(VALKEY_URL=nobody_listens, RATE_LIMIT_FAILURE_MODE="closed"):
            return client.get("/v1/whoami")
    finally:
        valkey.forget_connections()


# --- credentials and restrictions -------------------------------------------------------------------------------------


@refusal
def credential_in_query(world: World) -> Outcome:
    return ApiClient(ip=random_address()).get("/v1/whoami?api_key=mine")


@refusal
def missing_credentials(world: World) -> Outcome:
    return ApiClient(ip=random_address()).get("/v1/whoami")


@refusal
def invalid_credentials(world: World) -> Outcome:
    return ApiClient("pm_live_" + "a" * 38, ip=random_address()).get("/v1/whoami")


@refusal
def key_expired(world: World) -> Outcome:
    issued = make_key(world.company, expires_at=clock.now() + timedelta(days=1))
    with tenant_context(world.tenant()):
        ApiKey.objects.filter(id=issued.key.id).update(expires_at=clock.now() - timedelta(seconds=1))
    return ApiClient(issued.client_secret, ip=random_address()).get("/v1/whoami")


@refusal
def key_revoked(world: World) -> Outcome:
    issued = make_key(world.company)
    with tenant_context(world.tenant()):
        revoke_key(key=issued.key, actor=SYSTEM)
    return ApiClient(issued.client_secret, ip=random_address()).get("/v1/whoami")


@refusal
def company_suspended(world: World) -> Outcome:
    client = client_of(world)
    assert client.get("/v1/whoami").status == 200
    suspend_company(company=world.company, reason="unpaid", actor=SYSTEM)
    return client.get("/v1/whoami")


@refusal
def insufficient_scope(world: World) -> Outcome:
    return client_of(world, scopes=["customers:read"]).post("/v1/customers", ADA)


@refusal
def ip_not_allowed(world: World) -> Outcome:
    return client_of(world, allowed_networks=["203.0.113.0/24"]).get("/v1/whoami")


@refusal
def origin_not_allowed(world: World) -> Outcome:
    return client_of(world).get("/v1/whoami", headers={"Origin": "https://shop.example.com"})


# --- limits and idempotency -------------------------------------------------------------------------------------------


@refusal
def rate_limited(world: World) -> Outcome:
    client = client_of(world, rate_limit=1)
    assert client.get("/v1/whoami").status == 200
    return client.get("/v1/whoami")


@refusal
def too_many_failures(world: World) -> Outcome:
    client = ApiClient(ip=random_address())
    answers = [client.get("/v1/whoami") for _ in range(22)]
    return answers[-1]


@refusal
def daily_cap_exceeded(world: World) -> Outcome:
    billing.override_limits(
        company=world.company, overrides={"email_per_day": 0}, reason="test", actor=SYSTEM
    )
    return client_of(world).post("/v1/messages", BODIES["POST /v1/messages"](world.tenant()))


@refusal
def idempotency_key_reused(world: World) -> Outcome:
    client = client_of(world)
    assert client.post("/v1/customers", ADA, idempotency_key="order-1").status == 201
    return client.post("/v1/customers", {"name": "Grace"}, idempotency_key="order-1")


@refusal
def idempotency_in_flight(world: World) -> Outcome:
    client = client_of(world)
    with tenant_context(world.tenant()):
        number = lock_number("order-1")
    # Another session holds the lock, as the first request does while it runs.
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
        return client.post("/v1/customers", ADA, idempotency_key="order-1")


# --- billing ----------------------------------------------------------------------------------------------------------


@refusal
def external_id_taken(world: World) -> Outcome:
    make_customer(world.tenant(), external_id="c-1")
    return client_of(world).post("/v1/customers", {**ADA, "external_id": "c-1"})


@refusal
def invoice_empty(world: World) -> Outcome:
    draft = make_invoice(world.tenant(), lines=[])
    return client_of(world).post(f"/v1/invoices/{draft.public_id}/finalize")


@refusal
def invoice_not_draft(world: World) -> Outcome:
    invoice = make_invoice(world.tenant(), finalize=True)
    return client_of(world).patch(f"/v1/invoices/{invoice.public_id}", {"lines": [LINE]})


@refusal
def invoice_not_open(world: World) -> Outcome:
    draft = make_invoice(world.tenant())
    return client_of(world).post(f"/v1/invoices/{draft.public_id}/void")


@refusal
def invoice_has_payments(world: World) -> Outcome:
    invoice = make_invoice(world.tenant(), finalize=True)
    make_settled_charge(world.tenant(), invoice=invoice, amount=100)
    return client_of(world).post(f"/v1/invoices/{invoice.public_id}/void")


@refusal
def charge_exceeds_amount_due(world: World) -> Outcome:
    invoice = make_invoice(world.tenant(), finalize=True)
    body = {"invoice": invoice.public_id, "amount": invoice.total + 1, "payment_method": "card_success"}
    return client_of(world).post("/v1/charges", body)


@refusal
def charge_not_refundable(world: World) -> Outcome:
    pending = make_charge(world.tenant(), settle=False)
    return client_of(world).post(f"/v1/charges/{pending.public_id}/refunds", {"amount": 1})


@refusal
def refund_exceeds_charge(world: World) -> Outcome:
    charge = make_settled_charge(world.tenant())
    return client_of(world).post(f"/v1/charges/{charge.public_id}/refunds", {"amount": charge.amount + 1})


@refusal
def tier_request_open(world: World) -> Outcome:
    with tenant_context(world.tenant()):
        request_tier(company=world.company, tier="pro", actor=SYSTEM)
    return page(world, world.owner, "/plan/request/", tier="pro", says="A request is open")


@refusal
def tier_request_closed(world: World) -> Outcome:
    with tenant_context(world.tenant()), caught() as errors:
        request = request_tier(company=world.company, tier="pro", actor=SYSTEM)
        withdraw_tier_request(request=request, actor=SYSTEM)
        withdraw_tier_request(request=request, actor=SYSTEM)
    return errors[0]


@refusal
def tier_unchanged(world: World) -> Outcome:
    with caught() as errors:
        change_tier(company=world.company, tier=world.company.tier, reason="test", actor=SYSTEM)
    return errors[0]


# --- messages ---------------------------------------------------------------------------------------------------------


@refusal
def message_not_cancelable(world: World) -> Outcome:
    client, path = client_of(world), f"/v1/messages/{make_message(world.tenant())}/cancel"
    assert client.post(path).status == 200
    return client.post(path)


@refusal
def already_suppressed(world: World) -> Outcome:
    client, body = client_of(world), {"channel": "email", "address": "ada@example.com"}
    assert client.post("/v1/suppressions", body).status == 201
    return client.post("/v1/suppressions", body)


# --- webhooks ---------------------------------------------------------------------------------------------------------


@refusal
def endpoint_limit_reached(world: World) -> Outcome:
    billing.override_limits(
        company=world.company, overrides={"webhook_endpoints": 0}, reason="test", actor=SYSTEM
    )
    body = BODIES["POST /v1/webhook_endpoints"](world.tenant())
    return client_of(world).post("/v1/webhook_endpoints", body)


@refusal
def endpoint_disabled(world: World) -> Outcome:
    endpoint, _ = make_endpoint(world.tenant(), "https://example.com/hook", enabled=False)
    return client_of(world).post(f"/v1/webhook_endpoints/{endpoint.public_id}/test")


@refusal
def recovery_running(world: World) -> Outcome:
    endpoint, _ = make_endpoint(world.tenant(), "https://example.com/hook")
    client, path = client_of(world), f"/v1/webhook_endpoints/{endpoint.public_id}/recover"
    body = {"since": (clock.now() - timedelta(hours=1)).isoformat()}
    assert client.post(path, body).status < 300
    return client.post(path, body)


@refusal
def delivery_in_progress(world: World) -> Outcome:
    public_id = make_delivery(world.tenant())
    with tenant_context(world.tenant()):
        delivery = Delivery.by_public_id(public_id)
        Delivery.objects.filter(id=delivery.id).update(
            status=Delivery.Status.SENDING, due_at=clock.now() + timedelta(minutes=5), finished_at=None
        )
    return client_of(world).post(f"/v1/deliveries/{public_id}/resend")


# --- keys, people and companies: pages only ------------------------------------------------------------------------------


@refusal
def key_not_active(world: World) -> Outcome:
    issued = make_key(world.company)
    with tenant_context(world.tenant()):
        revoke_key(key=issued.key, actor=SYSTEM)
    return page(world, world.owner, f"/keys/{issued.client_id}/rotate/", overlap="none")


@refusal
def undo_refused(world: World) -> Outcome:
    issued = make_key(world.company)
    with tenant_context(world.tenant()):
        revoke_key(key=issued.key, actor=SYSTEM, reason=ApiKey.RevocationReason.LEAK)
    return page(world, world.owner, f"/keys/{issued.client_id}/undo/")


@refusal
def already_member(world: World) -> Outcome:
    return page(world, world.owner, "/team/invite/", email=world.teammate.email, role=Role.VIEWER)


@refusal
def last_owner(world: World) -> Outcome:
    return page(world, world.owner, "/team/leave/")


@refusal
def role_too_high(world: World) -> Outcome:
    admin = make_user("admin")
    join(world.company, admin, Role.ADMIN)
    with tenant_context(world.tenant()):
        owner = Membership.objects.get(user=world.owner)
    return page(world, admin, f"/team/{owner.public_id}/remove/", says="That is not for your role")


@refusal
def invitation_mismatch(world: World) -> Outcome:
    with tenant_context(world.tenant()):
        inviter = Membership.objects.select_related("user").get(user=world.owner)
        _, token = invite_member(email="grace@example.com", role=Role.VIEWER, inviter=inviter, actor=SYSTEM)
    return page(world, world.teammate, f"/invitations/{token}/")


@refusal
def slug_taken(world: World) -> Outcome:
    return page(world, world.owner, "/settings/", name="Acme", slug=world.other_company.slug)
