"""A field that a form and the API share takes the same values at both doors, and keeps the same of them.

The fields are read off the form and the serializer; a field that either gains is compared from then on.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django import forms
from rest_framework import serializers

from billing.api.serializers.customers import CustomerInput
from billing.api.serializers.fields import AddressInput
from billing.dashboard.forms.customers import CustomerForm
from billing.models import Customer
from core.api.scopes import SCOPES
from core.tenancy import tenant_context
from messaging.api.serializers import MessageInput, SuppressionInput
from messaging.dashboard.forms import ComposeForm, SuppressForm
from messaging.models import Message, Suppression
from tests.clients import ApiClient, random_address, sign_in
from tests.factories import World, make_key
from tests.isolation.matrix import make_unlimited_world
from webhooks.api.serializers import WebhookEndpointInput
from webhooks.dashboard.forms import EndpointForm
from webhooks.models import Endpoint

Json = dict[str, Any]


@dataclass(frozen=True)
class Siblings:
    """A form and the serializer of the same thing, and what both need beside the field in question."""

    name: str
    form: type[forms.Form]
    page: str
    serializer: type[serializers.Serializer]
    path: str
    model: type[Any]
    form_base: Json
    api_base: Json
    # Where the API has the fields in an object of their own.
    inside: str = ""
    kept_as: Callable[[Any, str], Any] = getattr
    # How the page answers when it has taken the form: by another page, or by what is shown once.
    taken: int = 302
    # What the form calls otherwise.
    names: dict[str, str] = field(default_factory=dict)

    def shared(self) -> list[tuple[str, str]]:
        """Return the names, at the form and at the API, of every field that is one text at both."""
        ours = self.serializer().fields
        found = []
        for name, one in self.form.base_fields.items():
            other = ours.get(self.names.get(name, name))
            if _is_text(one) and isinstance(other, serializers.CharField):
                found.append((name, self.names.get(name, name)))
        return found

    def body(self, name: str, value: str) -> Json:
        return {**self.api_base, **({self.inside: {name: value}} if self.inside else {name: value})}


def _is_text(one: forms.Field) -> bool:
    return isinstance(one, forms.CharField) and not hasattr(one, "choices") and _plain(one)


def _plain(one: forms.Field) -> bool:
    # A field that makes something else of its text (a list, a dictionary) has no sibling that is one text.
    return isinstance(one.to_python("x@example.com"), str)


def _of_address(row: Any, name: str) -> Any:
    return (row.address or {}).get(name)


MESSAGE_FORM = {"channel": "email", "to": "delivered@test.pomelo.dev", "subject": "Hello", "text": "Hi"}
MESSAGE_BODY = {**MESSAGE_FORM, "to": ["delivered@test.pomelo.dev"]}
PAIRS = [
    Siblings(
        "customer", CustomerForm, "/customers/new/", CustomerInput, "/v1/customers", Customer,
        {"name": "Ada"}, {"name": "Ada"},
    ),
    Siblings(
        "address", CustomerForm, "/customers/new/", AddressInput, "/v1/customers", Customer,
        {"name": "Ada"}, {"name": "Ada"}, inside="address", kept_as=_of_address,
    ),
    Siblings(
        "message", ComposeForm, "/messages/new/", MessageInput, "/v1/messages", Message, MESSAGE_FORM, MESSAGE_BODY,
        names={"sender": "from"}, kept_as=lambda row, name: getattr(row, "sender" if name == "from" else name),
    ),
    Siblings(
        "suppression", SuppressForm, "/messages/suppressions/add/", SuppressionInput, "/v1/suppressions", Suppression,
        {"channel": "email", "address": "a@example.com"}, {"channel": "email", "address": "a@example.com"},
    ),
    Siblings(
        "endpoint", EndpointForm, "/webhooks/create/", WebhookEndpointInput, "/v1/webhook_endpoints", Endpoint,
        {"url": "https://example.com/hook", "events": "*"}, {"url": "https://example.com/hook", "events": ["*"]},
        taken=200,
    ),
]  # fmt: skip
FIELDS = [(pair, *names) for pair in PAIRS for names in pair.shared()]

VALUES = [
    "Ada", " Ada ", "Ada  Lovelace", "ada@example.com", "ADA@Example.COM", "jan@exämple.com", "a@[127.0.0.1]",
    "Ada <ada@example.com>", "a@b@example.com", "Ada\x00", "\x00", "\u200b", "\u3164", "Ada\u2028L", "Ada\u0085L", "Ada\tL",
    "e\u0301", "İ", "\u202eAda", "李" * 60, "＝1+1", "=1+1", "{nb}", "<b>", "null", "0", "-1", "１２", "+49 30 123456", "030 123456",
    "+1 900 555 0123", "https://example.com/x", "http://127.0.0.1/", "https://user:pw@example.com/", "javascript:alert(1)",
    "2030-01-31", "2026-W53-4", "DE", "de", "XX", "Basic Consulting", "x" * 41, "x" * 101, "x" * 201, "x" * 501, "x" * 601, "x" * 999,
]  # fmt: skip


@pytest.fixture(scope="module")
def scene() -> Any:
    """The form in one company, the API in another: neither meets what the other has made."""
    world = make_unlimited_world()
    issued = make_key(world.other_company, tuple(SCOPES), name="all", rate_limit=10_000)
    return (
        world,
        sign_in(world.owner, company=world.company),
        ApiClient(issued.client_secret, ip=random_address()),
    )


def newest(world: World, pair: Siblings, *, of_form: bool) -> Any:
    with tenant_context(world.tenant() if of_form else world.other_tenant()):
        return pair.model.objects.order_by("-id").first()


def test_the_fields_that_are_shared_are_found() -> None:
    found = {f"{pair.name}.{name}" for pair, _, name in FIELDS}

    assert {
        "customer.name", "customer.email", "customer.phone", "customer.external_id", "address.line1",
        "message.subject", "message.text", "message.from", "suppression.address", "endpoint.url", "endpoint.description",
    } <= found  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "at_form", "at_api"), FIELDS, ids=[f"{pair.name}.{name}" for pair, _, name in FIELDS]
)
def test_a_form_and_the_api_take_the_same_and_keep_the_same(
    scene: Any, pair: Siblings, at_form: str, at_api: str
) -> None:
    world, browser, client = scene
    differences = []

    for value in VALUES:
        page = browser.post(pair.page, {**pair.form_base, at_form: value, "form_token": uuid.uuid4().hex})
        answer = client.post(pair.path, pair.body(at_api, value))
        assert page.status_code in (200, 302, 400, 409, 422), (value, page.status_code)
        taken = (page.status_code == pair.taken, answer.status == 201)
        if taken[0] != taken[1]:
            differences.append((value[:50], page.status_code, answer.status, answer.content[:300]))
        elif all(taken):
            kept = [pair.kept_as(newest(world, pair, of_form=of_form), at_api) for of_form in (True, False)]
            if kept[0] != kept[1]:
                differences.append((value[:50], *kept))

    assert differences == []
