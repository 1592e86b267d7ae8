"""A field that a form and the API share takes the same values at both doors, and keeps the same of them.

The fields are read off the form and the serializer; a field that either gains is compared from then on.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django import forms
from django.test import Client
from rest_framework import serializers

from billing.api.serializers.credit_notes import CreditNoteInput, VoidInput
from billing.api.serializers.customers import CustomerInput
from billing.api.serializers.fields import AddressInput
from billing.api.serializers.invoices import InvoiceInput, InvoiceLineInput
from billing.api.serializers.payments import PaymentInput, UndoInput
from billing.api.serializers.sellers import BankDetailsInput, SellerInput
from billing.dashboard.forms.credits import CreditForm, PaymentForm, UndoForm, VoidForm
from billing.dashboard.forms.customers import CustomerForm
from billing.dashboard.forms.invoices import InvoiceForm, LineForm
from billing.dashboard.forms.sellers import SellerForm
from billing.models import CreditNote, Customer, Invoice, OffPlatformPayment, Seller
from core.api.scopes import SCOPES
from core.tenancy import Tenant, tenant_context
from messaging.api.sender_serializers import SenderDomainInput, SmsSenderInput
from messaging.api.serializers import MessageInput, SuppressionInput
from messaging.api.template_serializers import TemplateInput
from messaging.dashboard.forms import ComposeForm, DomainForm, SmsSenderForm, SuppressForm
from messaging.dashboard.template_forms import TemplateForm
from messaging.models import Message, SenderDomain, SmsSender, Suppression, Template
from tests.billing.factories import make_credit_note, make_invoice, make_payment
from tests.clients import ApiAnswer, ApiClient, random_address, sign_in
from tests.factories import World, make_customer, make_key, make_seller, prove_domain
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
    # Fields that are no text of somebody's own: ids of other objects.
    left_out: frozenset[str] = frozenset()
    method: str = "POST"
    values: list[str] = field(default_factory=lambda: VALUES)
    # Values of one field beside those: at least one must be good.
    more: dict[str, list[str]] = field(default_factory=dict)
    # What the fields of the form begin with there, where the form is one of several on the page.
    prefix: str = ""
    # Where in the body of the API the object with the field stands, if it is none of the body's own.
    in_list: str = ""
    # What has to be there: `@id` in the paths and in the body.
    given: Callable[[Tenant], str] | None = None
    # Whether the same may be given to the next value although this one was taken.
    lasts: bool = False

    def shared(self) -> list[tuple[str, str]]:
        """Return the names, at the form and at the API, of every field that is one text at both."""
        ours = self.serializer().fields
        found = []
        for name, one in self.form.base_fields.items():
            if name in self.left_out:
                continue
            other = ours.get(self.names.get(name, name))
            if _is_text(one) and isinstance(other, serializers.CharField):
                found.append((name, self.names.get(name, name)))
        return found

    def body(self, name: str, value: str) -> Json:
        if self.in_list:
            [item] = self.api_base[self.in_list]
            return {**self.api_base, self.in_list: [{**item, name: value}]}
        return {**self.api_base, **({self.inside: {name: value}} if self.inside else {name: value})}

    def sent(self, name: str, value: str) -> Json:
        return {**self.form_base, self.prefix + name: value, "form_token": Doors.token()}


def _is_text(one: forms.Field) -> bool:
    return isinstance(one, forms.CharField) and not hasattr(one, "choices") and _plain(one)


def _plain(one: forms.Field) -> bool:
    # A field that makes something else of its text (a list, a dictionary) has no sibling that is one text.
    return isinstance(one.to_python("x@example.com"), str)


def _of_address(row: Any, name: str) -> Any:
    return (row.address or {}).get(name)


def _of_bank(row: Any, name: str) -> Any:
    return (row.bank_details or {}).get(name)


def _of_version(row: Any, name: str) -> Any:
    return getattr(row, name) if name in ("name", "description") else getattr(row.versions.get(), name)


def _open_invoice(tenant: Tenant) -> str:
    return make_invoice(tenant, finalize=True, lines=[{**INVOICE_BODY["lines"][0]}]).public_id


def _of_line(row: Any, name: str) -> Any:
    return getattr(row.lines.get(), name)


VALUES = [
    "Ada", " Ada ", "Ada  Lovelace", "ada@example.com", "ADA@Example.COM", "jan@exämple.com", "a@[127.0.0.1]",
    "Ada <ada@example.com>", "a@b@example.com", "Ada\x00", "\x00", "\u200b", "\u3164", "Ada\u2028L", "Ada\u0085L", "Ada\tL",
    "e\u0301", "İ", "\u202eAda", "李" * 60, "＝1+1", "=1+1", "{nb}", "<b>", "null", "0", "-1", "１２", "+49 30 123456", "030 123456",
    "+1 900 555 0123", "https://example.com/x", "http://127.0.0.1/", "https://user:pw@example.com/", "javascript:alert(1)",
    "2030-01-31", "2026-W53-4", "DE", "de", "XX", "Basic Consulting", "x" * 41, "x" * 101, "x" * 201, "x" * 501, "x" * 601, "x" * 999,
]  # fmt: skip
# Those that tell readers apart, for more of the same kinds of fields.
TELLING = [
    "Ada", " Ada ", "Ada\x00", "\u200b", "Ada\u2028L", "Ada\u0085L", "Ada\tL", "e\u0301", "\u202eAda", "DE", "x" * 41, "x" * 101, "x" * 301, "x" * 999,
]  # fmt: skip
MESSAGE_FORM = {"channel": "email", "to": "ada@example.com", "subject": "Hello", "text": "Hi"}
MESSAGE_BODY = {**MESSAGE_FORM, "to": ["ada@example.com"]}
INVOICE_FORM = {
    "customer": "@customer", "currency": "EUR",
    "line0-description": "Work", "line0-quantity": "1", "line0-unit_price": "10.00", "line0-tax_rate": "0",
}  # fmt: skip
INVOICE_BODY = {
    "customer": "@customer", "currency": "EUR",
    "lines": [{"description": "Work", "quantity": 1, "unit_amount": 1000, "tax_rate_bps": 0}],
}  # fmt: skip
PAIRS = [
    Siblings(
        "customer", CustomerForm, "/customers/new/", CustomerInput, "/v1/customers", Customer,
        {"name": "Ada"}, {"name": "Ada"},
    ),
    Siblings(
        "address", CustomerForm, "/customers/new/", AddressInput, "/v1/customers", Customer,
        {"name": "Ada"}, {"name": "Ada"}, inside="address", kept_as=_of_address,
        more={"country": ["de", "XX", "D", "DEU"]}, values=TELLING,
    ),
    Siblings(
        "message", ComposeForm, "/messages/new/", MessageInput, "/v1/messages", Message, MESSAGE_FORM, MESSAGE_BODY,
        left_out=frozenset({"customer"}),
        names={"sender": "from"}, more={"from": ["news@acme.example", "Ada <news@acme.example>", "news@shop.acme.example", '"x@bank.example" <news@acme.example>']}, kept_as=lambda row, name: getattr(row, "sender" if name == "from" else name),
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
    Siblings(
        "invoice", InvoiceForm, "/invoices/new/", InvoiceInput, "/v1/invoices", Invoice, INVOICE_FORM, INVOICE_BODY,
        left_out=frozenset({"customer"}),
        values=TELLING,
    ),
    Siblings(
        "line", LineForm, "/invoices/new/", InvoiceLineInput, "/v1/invoices", Invoice, INVOICE_FORM, INVOICE_BODY,
        prefix="line0-", in_list="lines", kept_as=_of_line,
        values=TELLING,
    ),
    Siblings(
        "seller", SellerForm, "/invoicing/edit/", SellerInput, "/v1/seller", Seller, {"language": "en"}, {"language": "en"},
        method="PATCH",
        more={"number_prefix": ["ACME-27", "ACME--27", "TEST-1", "acme", "A" * 16, "A" * 17], "footer": ["one\ntwo", "one\r\ntwo", "one\rtwo", "x" * 500, "x\n" * 250 + "x"]},
        values=TELLING,
    ),
    Siblings(
        "seller address", SellerForm, "/invoicing/edit/", AddressInput, "/v1/seller", Seller, {"language": "en"}, {"language": "en"},
        method="PATCH", inside="address", kept_as=_of_address,
        values=TELLING,
    ),
    Siblings(
        "bank", SellerForm, "/invoicing/edit/", BankDetailsInput, "/v1/seller", Seller, {"language": "en"}, {"language": "en"},
        method="PATCH", inside="bank_details", kept_as=_of_bank,
        more={"iban": ["DE89 3704 0044 0532 0130 00", "de89370400440532013000", "DE89370400440532013001"], "bic": ["COBADEFFXXX", "cobadeff", "COBADEFFX"]},
        values=TELLING,
    ),
    Siblings(
        "domain", DomainForm, "/messages/senders/domains/add/", SenderDomainInput, "/v1/sender_domains", SenderDomain, {}, {},
        more={"domain": ["example.com", "EXAMPLE.org.", " shop.example ", "bücher.example", "xn--bcher-kva.test", "localhost", "10.0.0.1", "a..b", "*.example.com", "x" * 64 + ".example"]},
        values=TELLING,
    ),
    Siblings(
        "payment", PaymentForm, "/invoices/@id/payments/new/", PaymentInput, "/v1/invoices/@id/payments", OffPlatformPayment,
        {"method": "cash", "amount": "0.01"}, {"method": "cash", "amount": 1}, given=_open_invoice, lasts=True, values=TELLING,
    ),
    Siblings(
        "undoing", UndoForm, "/payments/@id/undo/", UndoInput, "/v1/payments/@id/undo", OffPlatformPayment, {}, {},
        given=lambda tenant: make_payment(tenant).public_id, kept_as=lambda row, name: row.undo_reason, values=TELLING,
    ),
    Siblings(
        "credit note", CreditForm, "/invoices/@id/credit/", CreditNoteInput, "/v1/credit_notes", CreditNote,
        {"line0": "0.01"}, {"invoice": "@id", "amount": 1}, given=_open_invoice, lasts=True, values=TELLING,
    ),
    Siblings(
        "voiding", VoidForm, "/credit_notes/@id/void/", VoidInput, "/v1/credit_notes/@id/void", CreditNote, {}, {},
        given=lambda tenant: make_credit_note(tenant).public_id, kept_as=lambda row, name: row.void_reason, values=TELLING,
    ),
    Siblings(
        "template", TemplateForm, "/messages/templates/new/", TemplateInput, "/v1/templates", Template,
        {"name": "@new", "channel": "email", "subject": "Hello", "text": "Hi"}, {"name": "@new", "channel": "email", "subject": "Hello", "text": "Hi"},
        kept_as=_of_version, more={"text": ["{{ a }}", "{{ a", "{% if a %}", "two\nlines", "two\r\nlines"]}, values=TELLING,
    ),
    Siblings(
        "sms sender", SmsSenderForm, "/messages/senders/sms/ask/", SmsSenderInput, "/v1/sms_senders", SmsSender,
        {"sender": "@new", "reason": "It is our name"}, {"sender": "@new", "reason": "It is our name"},
        more={"sender": ["ACME", "acme 2", "+49 151 23456789", "+49 30 123456", "１２３４", "12345", "TWELVELETTERS"]}, values=TELLING,
    ),
]  # fmt: skip
FIELDS = [(pair, *names) for pair in PAIRS for names in pair.shared()]


@dataclass(frozen=True)
class Doors:
    """A page of one company, the API of another: neither meets what the other has made."""

    world: World
    browser: Client
    client: ApiClient
    customers: tuple[str, str]

    @staticmethod
    def token() -> str:
        """A form that was not sent before."""
        return uuid.uuid4().hex

    def at_page(self, page: str, sent: Json, made: str = "") -> int:
        """Send a form; return the status of the page that answers."""
        filled = _filled(sent, self.customers[0], made)
        status: int = self.browser.post(page.replace("@id", made), filled).status_code
        assert status in (200, 302, 400, 404, 409, 422), (filled, status)
        return status

    def at_api(self, method: str, path: str, body: Json, made: str = "") -> ApiAnswer:
        """Send a body."""
        return self.client.request(method, path.replace("@id", made), _filled(body, self.customers[1], made))

    def make(self, given: Callable[[Tenant], str] | None) -> tuple[str, str]:
        """Make what has to be there at each door; returns its ids."""
        if given is None:
            return "", ""
        tenants = self.world.tenant(), self.world.other_tenant()
        for tenant in tenants:
            make_seller(tenant)  # the fields of the seller are tried here too, and issuing needs them
        return given(tenants[0]), given(tenants[1])

    def kept(self, model: type[Any], kept_as: Callable[[Any], Any]) -> list[Any]:
        """What of the newest row of each is compared."""
        found = []
        for of_form in (True, False):
            with tenant_context(self.world.tenant() if of_form else self.world.other_tenant()):
                found.append(kept_as(model.objects.order_by("-id").first()))
        return found


def _filled(sent: Json, customer: str, made: str) -> Json:
    """Return what is sent, with the company's own customer, what was made for it, and a name that nothing else has."""
    meant = {"@customer": customer, "@id": made, "@new": f"N{uuid.uuid4().hex[:10]}"}
    return {
        name: meant.get(value, value) if isinstance(value, str) else value for name, value in sent.items()
    }


@pytest.fixture(scope="module")
def doors() -> Doors:
    world = make_unlimited_world()
    for tenant in (world.tenant(), world.other_tenant()):
        prove_domain(tenant)
    issued = make_key(world.other_company, tuple(SCOPES), name="all", rate_limit=10_000)
    return Doors(
        world,
        sign_in(world.owner, company=world.company),
        ApiClient(issued.client_secret, ip=random_address()),
        (make_customer(world.tenant()).public_id, make_customer(world.other_tenant()).public_id),
    )


def test_the_fields_that_are_shared_are_found() -> None:
    found = {f"{pair.name}.{name}" for pair, _, name in FIELDS}

    assert {
        "customer.name", "customer.email", "customer.phone", "customer.external_id", "address.line1",
        "message.subject", "message.text", "message.from", "suppression.address", "endpoint.url", "endpoint.description",
        "invoice.external_id", "invoice.memo", "invoice.tax_note", "invoice.purchase_order", "line.description",
        "seller.legal_name", "seller.footer", "seller.number_prefix", "seller address.country", "bank.iban", "bank.account_holder",
        "domain.domain", "payment.reference", "undoing.reason", "credit note.memo", "voiding.reason",
        "template.name", "template.description", "template.subject", "template.text", "template.html", "sms sender.sender", "sms sender.reason",
    } <= found  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "at_form", "at_api"), FIELDS, ids=[f"{pair.name}.{name}" for pair, _, name in FIELDS]
)
def test_form_and_api_accept_and_store_the_same_values(
    doors: Doors, pair: Siblings, at_form: str, at_api: str
) -> None:
    differences, accepted = [], 0
    ids = doors.make(pair.given)

    for value in [*pair.values, *pair.more.get(at_api, ())]:
        page = doors.at_page(pair.page, pair.sent(at_form, value), ids[0])
        answer = doors.at_api(pair.method, pair.path, pair.body(at_api, value), ids[1])
        taken = (page == pair.taken, answer.status in (200, 201))
        if taken[0] != taken[1]:
            differences.append((value[:50], page, answer.status, answer.content[:300]))
        elif all(taken):
            accepted += 1
            kept = doors.kept(pair.model, lambda row: pair.kept_as(row, at_api))
            if kept[0] != kept[1]:
                differences.append((value[:50], *kept))
        if any(taken) and not pair.lasts:
            ids = doors.make(pair.given)

    assert differences == []
    assert accepted, "every value was refused at both doors: nothing was compared"
