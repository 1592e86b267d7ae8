"""Invoices by email: sent once, by the API or from the page, and the refusals."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apikeys.services import IssuedKey
from billing.models import InvoiceLink
from billing.services import void_invoice
from core.models import OutboxEvent
from core.tenancy import tenant_context
from messaging.models import Message
from tests.billing.factories import make_invoice
from tests.clients import ApiClient, send_form, sign_in
from tests.factories import SYSTEM, World, make_customer
from tests.messaging.conftest import deliver
from tests.messaging.smtp import Mailhost

SCOPES = ["invoices:read", "email:send"]


@pytest.fixture
def invoice(world: Any) -> Any:
    """An open invoice over 119.00 EUR to Ada, who reads German."""
    customer = make_customer(
        world.tenant(), name="Ada Lovelace", email="ada@example.com", preferred_language="de"
    )
    return make_invoice(world.tenant(), customer=customer, finalize=True)


@pytest.fixture
def client(world: Any, issue_key: Any, api: Any) -> Any:
    return api(issue_key(world.company, scopes=SCOPES).client_secret)


def counts(world: Any) -> tuple[int, int]:
    """Return the number of messages and links."""
    with tenant_context(world.tenant()):
        return Message.objects.count(), InvoiceLink.objects.count()


def test_the_customer_gets_the_pdf_and_a_link_once(
    world: World, client: Any, invoice: Any, mailhost: Mailhost
) -> None:
    path, body = f"/v1/invoices/{invoice.public_id}/send", {"message": "Vielen Dank!"}

    answers = [client.post(path, body, idempotency_key="once") for _ in range(2)]
    deliver()

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    made = answers[0].json
    assert (made["object"], made["to"], made["tags"]) == ("message", ["ada@example.com"], ["invoice"])
    assert made["metadata"] == {"invoice": invoice.public_id}
    assert [(a["filename"], a["content_type"]) for a in made["attachments"]] == [
        (f"{invoice.number}.pdf", "application/pdf")
    ]
    assert b"/i/" not in answers[0].content
    assert counts(world) == (1, 1)
    # what arrives
    [received] = mailhost.to("ada@example.com")
    assert str(received.message["Subject"]) == f"Rechnung {invoice.number} – Acme Maschinenbau GmbH"
    text = received.message.get_body(("plain",)).get_content()
    assert text.startswith("Vielen Dank!")
    assert "119,00\u00a0€" in text
    [part] = received.message.iter_attachments()
    assert part.get_payload(decode=True).startswith(b"%PDF-")
    [link] = re.findall(r"https?://[^/\s]+(/i/\S+)", text)
    assert Client().get(link).status_code == 200
    with tenant_context(world.tenant()):
        [event] = OutboxEvent.objects.filter(type="invoice.sent")
    assert event.object_id == invoice.public_id


def test_invoice_email_can_have_its_own_subject_and_recipient(
    world: World, client: Any, invoice: Any, mailhost: Mailhost
) -> None:
    body = {"to": ["Books <books@example.com>"], "subject": "For your books"}
    assert client.post(f"/v1/invoices/{invoice.public_id}/send", body).status == 201

    deliver()

    [received] = mailhost.to("books@example.com")
    assert (str(received.message["Subject"]), received.recipients) == (
        "For your books",
        ["books@example.com"],
    )


def test_refused_invoice_email_leaves_no_trace(
    world: World,
    client: Any,
    invoice: Any,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
) -> None:
    tenant = world.tenant()
    draft = make_invoice(tenant)
    void = make_invoice(tenant, finalize=True)
    with tenant_context(tenant):
        void_invoice(invoice=void, actor=SYSTEM)
    nameless = make_invoice(tenant, customer=make_customer(tenant, email=""), finalize=True)

    def code(row: Any, body: Any = None, by: Any = client) -> tuple[int, str]:
        answer = by.post(f"/v1/invoices/{row.public_id}/send", body or {})
        fields = answer.json["error"].get("fields", [{}])
        return answer.status, fields[0].get("field") or answer.json["error"]["code"]

    assert code(draft) == (409, "invoice_not_sendable")
    assert code(void) == (409, "invoice_not_sendable")
    assert code(nameless) == (400, "to")
    assert code(invoice, {"to": ["nobody"]}) == (400, "to.0")
    assert code(invoice, {"subject": "a\nb"}) == (400, "subject")
    assert code(invoice, {"html": "<p>"}) == (400, "html")
    for scopes in (["invoices:read"], ["email:send"], ["invoices:read", "sms:send"]):
        other = api(issue_key(world.company, scopes=scopes).client_secret)
        assert code(invoice, by=other) == (403, "insufficient_scope")
    assert counts(world) == (0, 0)


def test_invoice_is_sent_from_its_page(world: World, invoice: Any, mailhost: Mailhost) -> None:
    browser = sign_in(world.teammate)
    address = f"/messages/invoices/{invoice.public_id}/send/"
    assert address in browser.get(f"/invoices/{invoice.public_id}/").content.decode()

    assert "Ada Lovelace &lt;ada@example.com&gt;" in browser.get(address).content.decode()
    written = {"to": "ada@example.com", "subject": "Ihre Rechnung", "message": "Danke"}
    sent = send_form(browser, address, written)
    deliver()

    assert sent.status_code == 302, sent.content[:2000]
    [received] = mailhost.to("ada@example.com")
    assert "Danke" in received.message.get_body(("plain",)).get_content()
    assert "Sent by email" in browser.get(f"/invoices/{invoice.public_id}/").content.decode()
    refused = send_form(browser, address, {**written, "to": "nobody"})
    assert refused.status_code == 422
    draft = make_invoice(world.tenant())
    assert browser.get(f"/messages/invoices/{draft.public_id}/send/").status_code == 409
