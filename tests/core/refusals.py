"""Triggers for the refusals of the request pipeline (see tests.contracts.refusals)."""

import io
from unittest import mock

from django.db import connections, transaction
from django.test import override_settings
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission

from billing.api.views.customers import CustomerViewSet
from core.api.idempotency import lock_number
from core.api.permissions import HasScope
from core.tenancy import tenant_context
from core.valkey import commands
from tests.clients import ApiAnswer
from tests.contracts.refusing import ADA, Outcome, client_of, refusal
from tests.factories import World, make_customer


@refusal
def invalid_request(world: World) -> Outcome:
    return client_of(world).post("/v1/customers", raw=b"{")


@refusal
def validation_failed(world: World) -> Outcome:
    return client_of(world).post("/v1/customers", {"name": 7})


@refusal
def unknown_version(world: World) -> Outcome:
    return client_of(world).get("/v1/whoami", headers={"Pomelo-Version": "2020-01-01"})


@refusal
def invalid_idempotency_key(world: World) -> Outcome:
    return client_of(world).post("/v1/customers", ADA, idempotency_key="x" * 256)


@refusal
def method_not_allowed(world: World) -> Outcome:
    return client_of(world).delete("/v1/customers")


@refusal
def not_acceptable(world: World) -> Outcome:
    return client_of(world).get("/v1/customers", headers={"Accept": "text/html"})


class Nobody(BasePermission):
    """A permission of an extension."""

    message = "The shop is closed."

    def has_permission(self, request: object, view: object) -> bool:
        return False


@refusal
def not_permitted(world: World) -> Outcome:
    with mock.patch.object(CustomerViewSet, "permission_classes", [HasScope, Nobody]):
        return client_of(world).get("/v1/customers")


@refusal
def refused(world: World) -> Outcome:
    with mock.patch.object(CustomerViewSet, "list", side_effect=APIException("Not today.")) as listing:
        listing.side_effect.status_code = 400
        return client_of(world).get("/v1/customers")


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
        commands.forget_connections()


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


@refusal
def unknown_route(world: World) -> Outcome:
    return client_of(world).get("/v1/customer")


@refusal
def precondition_failed(world: World) -> Outcome:
    customer = make_customer(world.tenant())
    return client_of(world).patch(
        f"/v1/customers/{customer.public_id}", {"name": "Ada"}, headers={"If-Match": '"of yesterday"'}
    )
