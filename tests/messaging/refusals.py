"""Triggers for messaging's refusals (see tests.contracts.refusals)."""

from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.test import override_settings

from billing import services as billing
from core import clock
from core.tenancy import tenant_context
from messaging.models import MessageStat, SenderDomain, Template
from messaging.services import set_spend_cap
from messaging.services.reputation import evaluate_reputation
from messaging.services.templates import MAX_TEMPLATES
from tests.billing.factories import make_invoice
from tests.contracts.refusing import Outcome, client_of, page, refusal
from tests.factories import SYSTEM, World, prove_domain, prove_sms
from tests.messaging.samples import BODIES, PRICED_SMS, make_message

EMAIL = {"channel": "email", "to": ["ada@example.com"], "subject": "Hello", "text": "Hi"}
SMS = {"channel": "sms", "text": "Hi"}


@refusal
def daily_cap_exceeded(world: World) -> Outcome:
    billing.override_limits(
        company=world.company, overrides={"email_per_day": 0}, reason="test", actor=SYSTEM
    )
    return client_of(world).post("/v1/messages", BODIES["POST /v1/messages"](world.tenant()))


@refusal
def message_not_cancelable(world: World) -> Outcome:
    client, path = client_of(world), f"/v1/messages/{make_message(world.tenant())}/cancel"
    assert client.post(path).status == 200
    return client.post(path)


@refusal
def invoice_not_sendable(world: World) -> Outcome:
    draft = make_invoice(world.tenant())
    return client_of(world).post(f"/v1/invoices/{draft.public_id}/send", {})


@refusal
def already_suppressed(world: World) -> Outcome:
    client, body = client_of(world), {"channel": "email", "address": "ada@example.com"}
    assert client.post("/v1/suppressions", body).status == 201
    return client.post("/v1/suppressions", body)


@refusal
def sender_not_verified(world: World) -> Outcome:
    return client_of(world).post("/v1/messages", {**EMAIL, "from": "news@elsewhere.example"})


@refusal
def sms_country_off(world: World) -> Outcome:
    prove_sms(world.tenant(), countries=["AT"])
    return client_of(world).post("/v1/messages", {**SMS, "to": ["+4930123456"]})


@refusal
def number_range_limited(world: World) -> Outcome:
    prove_sms(world.tenant())
    numbers = [f"+49301234{last:02}" for last in range(21)]
    return client_of(world).post("/v1/messages", {**SMS, "to": numbers})


@refusal
def sms_spend_cap_exceeded(world: World) -> Outcome:
    prove_sms(world.tenant())
    with override_settings(**PRICED_SMS):
        with tenant_context(world.tenant()):
            set_spend_cap(amount=Decimal(0), actor=SYSTEM)
        return client_of(world).post("/v1/messages", {**SMS, "to": ["+4930123456"]})


@refusal
def sms_prices_unknown(world: World) -> Outcome:
    return page(world, world.owner, "/messages/senders/spend/", amount="1")


@refusal
def sender_domain_exists(world: World) -> Outcome:
    prove_domain(world.tenant(), "acme.example")
    return client_of(world).post("/v1/sender_domains", {"domain": "ACME.example."})


@refusal
def no_key_to_rotate_to(world: World) -> Outcome:
    row = prove_domain(world.tenant())
    with tenant_context(world.tenant()):
        row.keys.update(verified=False)
    return client_of(world).post(f"/v1/sender_domains/{row.public_id}/rotate_key")


@refusal
def too_many_sender_domains(world: World) -> Outcome:
    with tenant_context(world.tenant()):
        SenderDomain.objects.bulk_create(
            SenderDomain(domain=f"d{number}.example", token="t")
            for number in range(settings.SENDER_DOMAINS_PER_COMPANY)
        )
    return client_of(world).post("/v1/sender_domains", {"domain": "one-more.example"})


@refusal
def sms_sender_exists(world: World) -> Outcome:
    prove_sms(world.tenant(), "Acme")
    return client_of(world).post("/v1/sms_senders", {"sender": "ACME", "reason": "It is our name."})


@refusal
def too_many_sms_senders(world: World) -> Outcome:
    for number in range(settings.SMS_SENDERS_PER_COMPANY):
        prove_sms(world.tenant(), f"Acme {number}")
    return client_of(world).post("/v1/sms_senders", BODIES["POST /v1/sms_senders"](world.tenant()))


@refusal
def template_name_taken(world: World) -> Outcome:
    client, body = client_of(world), BODIES["POST /v1/templates"](world.tenant())
    assert client.post("/v1/templates", body).status == 201
    return client.post("/v1/templates", body)


@refusal
def template_limit_reached(world: World) -> Outcome:
    with tenant_context(world.tenant()):
        Template.objects.bulk_create(
            Template(name=f"t{number}", channel="email") for number in range(MAX_TEMPLATES)
        )
    return client_of(world).post("/v1/templates", BODIES["POST /v1/templates"](world.tenant()))


def bounce(world: World, *, sent: int) -> None:
    """Let 100 recipients of the company's email bounce, among as many delivered ones."""
    hour = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    with tenant_context(world.tenant()):
        for status, recipients in (("sent", sent), ("bounced", 100)):
            MessageStat.objects.create(hour=hour, channel="email", status=status, recipients=recipients)
    evaluate_reputation(world.tenant())


@refusal
def sending_paused(world: World) -> Outcome:
    body = BODIES["POST /v1/messages"](world.tenant())
    bounce(world, sent=800)
    return client_of(world).post("/v1/messages", body)


@refusal
def sending_slowed(world: World) -> Outcome:
    body = BODIES["POST /v1/messages"](world.tenant())
    bounce(world, sent=1800)
    return client_of(world).post("/v1/messages", {**body, "to": [f"p{n}@example.com" for n in range(99)]})


@refusal
def nothing_to_appeal(world: World) -> Outcome:
    return page(world, world.owner, "/messages/senders/appeal/", appeal_reason="We changed our lists.")
