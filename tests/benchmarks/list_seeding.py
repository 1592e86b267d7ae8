"""Fills the lists for the page benchmark: customers, invoices, messages, deliveries and the audit trail.

A few dozen of each are created by the product's services, in realistic states, and then copied with their children
(tests.benchmarks.families).
"""

import random
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import psycopg

from accounts.models import Company, User
from audit.partitions.tables import ensure_partitions
from billing import services as billing
from billing.models import Customer, Invoice
from core import clock
from core.principal import Principal
from core.tenancy import system_context, tenant_context
from messaging.models import Message, Recipient
from messaging.services import create_message, send_due_messages
from messaging.services.callbacks import Report, record_reports
from tests.benchmarks.families import Table, copy_families
from webhooks.delivery.claim import claim
from webhooks.delivery.limits import Limits
from webhooks.delivery.outcome import AttemptOutcome
from webhooks.delivery.record import record
from webhooks.relay import relay_events
from webhooks.services.endpoints import create_endpoint

ORIGINALS = 40
ROUNDS = 3
OVER = timedelta(days=30)
PEOPLE = (
    "Ada Lovelace",
    "Grace Hopper",
    "Katherine Johnson",
    "Radia Perlman",
    "Barbara Liskov",
    "Mary Keller",
)
# Delivery reports for sent messages: mostly successes.
REPORTS = ("delivered", "delivered", "delivered", "delivered", "delivered", "bounced", "complained", "")
ANSWERS = (200, 200, 200, 204, 200, 200, 500, 503)

CUSTOMER = Table(
    "billing_customer",
    changed={"external_id": "'crm-' || c.n", "email": "c.n || '.' || t.email", "email_normalized": "c.n || '.' || t.email_normalized"},
    children=[Table("billing_customermetadata", "customer_id"), Table("billing_customersearchword", "customer_id")],
)  # fmt: skip
INVOICE = Table(
    "billing_invoice",
    changed={
        "due_date": "t.due_date - (current_date - uuid_extract_timestamp(c.new)::date)",
        "external_id": "NULL",
        "number": "CASE WHEN t.number IS NOT NULL THEN 'INV-' || 100000 + c.n END",
        "sequence": "CASE WHEN t.sequence IS NOT NULL THEN 100000 + c.n END",
    },
    children=[Table("billing_invoiceline", "invoice_id"), Table("billing_offplatformpayment", "invoice_id")],
)
MESSAGE = Table(
    "messaging_message",
    children=[
        Table("messaging_messagetag", "message_id"),
        Table(
            "messaging_recipient",
            "message_id",
            changed={"address": "c.n || '.' || t.address", "address_normalized": "c.n || '.' || t.address_normalized"},
            children=[Table("messaging_recipientevent", "recipient_id", changed={"note_id": "NULL"})],
        ),
    ],
)  # fmt: skip
EVENT = Table(
    "core_outboxevent",
    changed={"sequence": "nextval('core_event_sequence')", "position": "nextval('core_event_position')"},
    children=[
        Table("webhooks_eventbody", "event_id"),
        Table("webhooks_delivery", "event_id", children=[Table("webhooks_attempt", "delivery_id")]),
    ],
)
ENTRY = Table("audit_auditentry")


def fill_lists(
    connection: psycopg.Connection, company: Company, owner: User, keys: Iterable[Any], rows: int
) -> None:
    """Fill every list of `company` with `rows` rows, like a month of activity by `owner` and `keys`."""
    actors = [
        _actor("user", owner.public_id, owner.name, company),
        *(_actor("key", key.public_id, key.name, company) for key in list(keys)[:3]),
    ]
    with tenant_context(company.live_tenant):
        for number in range(3):
            create_endpoint(
                actor=actors[0],
                url=f"https://hooks{number}.example.com/pomelo",
                events=["customer.*", "invoice.*"],
            )
        customers = [_customer(actors[n % 4], n) for n in range(ORIGINALS)]
        invoices = [_invoice(actors[n % 4], customers[n % len(customers)], n) for n in range(ORIGINALS)]
        messages = [_message(actors[n % 4], customers[n % len(customers)], n) for n in range(ORIGINALS)]
    send_due_messages()
    _report(company, messages)
    _deliver()
    ensure_partitions([clock.now().date() - timedelta(days=day) for day in range(OVER.days + 2)])
    # Triggers would check invoices before their lines exist.
    connection.execute("SET session_replication_role = replica")
    for table, originals in ((CUSTOMER, customers), (INVOICE, invoices), (MESSAGE, messages)):
        copy_families(connection, table, [row.id for row in originals], rows, over=OVER)
    events = _ids(
        connection, "SELECT DISTINCT event_id FROM webhooks_delivery WHERE company_id = %s", company
    )
    each = rows // 3  # events: each is delivered to every endpoint
    copy_families(connection, EVENT, events, each, over=OVER)
    entries = _ids(connection, "SELECT id FROM audit_auditentry WHERE company_id = %s", company)
    copy_families(connection, ENTRY, entries, rows, over=OVER)
    connection.execute("SET session_replication_role = origin")


def _actor(kind: Any, public_id: str, name: str, company: Company) -> Principal:
    return Principal(
        kind=kind,
        id=public_id,
        name=name,
        company_id=company.id,
        mode="live",
        ip="203.0.113.7",
        user_agent="benchmark",
    )


def _customer(actor: Principal, number: int) -> Customer:
    name = PEOPLE[number % len(PEOPLE)]
    return billing.create_customer(
        actor=actor,
        name=name,
        email=f"{name.split()[0].lower()}{number}@example.com",
        phone=f"+4930901820{number:02}",
        external_id=f"seed-{number}",
        metadata={"plan": ("gold", "silver")[number % 2], "region": "emea", "seats": str(number)},
    )


def _invoice(actor: Principal, customer: Customer, number: int) -> Invoice:
    """Create a draft, open, overdue, paid, partly paid or void invoice."""
    lines = [
        {"description": f"Item {line}", "quantity": line + 1, "unit_amount": 1_999, "tax_rate_bps": 1_900}
        for line in range(1 + number % 4)
    ]
    days = timedelta(days=14 if number % 3 else 0)
    invoice = billing.create_invoice(
        actor=actor, customer=customer, currency="EUR", lines=lines, due_date=clock.now().date() + days
    )
    kind = number % 8
    if kind == 0:
        return invoice
    invoice = billing.finalize_invoice(invoice=invoice, actor=actor)
    if kind == 1:
        return billing.void_invoice(invoice=invoice, actor=actor)
    if kind > 3:
        amount = invoice.amount_due if kind > 4 else 500
        billing.record_payment(invoice=invoice, actor=actor, method="bank_transfer", amount=amount)
    return invoice


def _message(actor: Principal, customer: Customer, number: int) -> Message:
    """Create a message. Every eighth is scheduled for tomorrow, and every fifth has several recipients."""
    later = clock.now() + timedelta(days=1)
    others = [f"copy{n}.{number}@example.org" for n in range(3)] if number % 5 == 0 else []
    return create_message(
        actor=actor,
        channel="email",
        to=[customer.email, *others],
        subject=f"Your order {1000 + number} has been shipped",
        text="Hello,\n\nyour order has been shipped.\n\nAcme\n" * 4,
        tags=["orders", f"week-{number % 4}"],
        metadata={"order": str(1000 + number)},
        **({"send_at": later} if number % 8 == 0 else {}),
    ).message


def _report(company: Company, messages: Iterable[Message]) -> None:
    with tenant_context(company.live_tenant):
        recipients = list(
            Recipient.objects.filter(message__in=[row.id for row in messages], status="sent").order_by("id")
        )
    reports = [
        Report(kind, recipient_id=recipient.id, code="5.1.1" if kind == "bounced" else "")
        for number, recipient in enumerate(recipients)
        if (kind := REPORTS[number % len(REPORTS)])
    ]
    providers = frozenset(recipient.provider for recipient in recipients)
    record_reports(source="benchmark", providers=providers, reports=reports)


def _deliver() -> None:
    """Create the deliveries of all events and record responses: some fail a few times and wait for a retry."""
    chance = random.Random(20)
    while relay_events().waiting:
        pass
    for _ in range(ROUNDS):
        with system_context(reason="benchmark"):
            jobs = claim(1000, 1000, Limits(per_endpoint=1000, per_failing_endpoint=1000)).jobs
        with system_context(reason="benchmark"):
            record(
                [
                    AttemptOutcome(
                        job,
                        clock.now(),
                        int(chance.lognormvariate(5, 0.5)),
                        status_code=chance.choice(ANSWERS),
                        body=b"ok",
                    )
                    for job in jobs
                ]
            )


def _ids(connection: psycopg.Connection, query: Any, company: Company) -> list[Any]:
    return [row[0] for row in connection.execute(query, [company.id])]
