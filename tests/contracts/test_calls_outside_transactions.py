"""No transaction is open while another server is called, or a slow hash is made: a walk through everything that does either."""

import ast
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.core.management import call_command
from django.db import transaction
from django.test import Client

from apikeys.models import ApiKey
from apikeys.services.reports import evaluate_reports
from billing.gateways import CheckoutPage, Outcome
from billing.gateways.sandbox import SandboxGateway
from billing.services import checkouts, complete_payments, completion
from billing.services.links import create_link
from core import clock
from core.mail import delivery
from core.postgres import outside
from core.postgres.outside import CalledInTransaction, outside_transactions
from core.tenancy import tenant_context
from messaging.services import send_due_messages
from messaging.services.domain_checks import check_due_domains
from tests.apikeys.found_keys import send as report_secret
from tests.apikeys.test_pages import create
from tests.billing.factories import make_charge, make_credit_note, make_invoice, set_aside_due_payments
from tests.clients import ApiClient, random_address
from tests.contracts.test_poisoned_rows import queue_email, status_of, statuses
from tests.factories import (
    PASSWORD,
    SYSTEM,
    World,
    dkim_key,
    make_customer,
    make_key,
    prove_domain,
    prove_senders,
)
from tests.messaging.conftest import deliver
from tests.messaging.priced_sms import ask_now, costs, priced, send, vendor
from tests.messaging.smtp import mail_server
from tests.messaging.standins import StandIn

__all__ = ["priced", "vendor"]

BASE = Path(__file__).resolve().parents[2]


@pytest.fixture
def calls(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was called, in a product that refuses to call it inside a transaction."""
    settings.REFUSE_CALLS_IN_TRANSACTIONS = True
    dkim_key()  # that of the tests themselves
    made: list[str] = []

    def note(call: str) -> None:
        outside_transactions(call)
        made.append(call)

    for module in MODULES:
        monkeypatch.setattr(f"{module}.outside_transactions", note)
    return made


# Every door out of the process, and every slow hash.
MODULES = (
    "apikeys.hashers",
    "apikeys.stores.vault",
    "billing.export.documents",
    "billing.services.checkouts",
    "billing.services.completion",
    "core.mail.delivery",
    "core.outbound.blocking",
    "messaging.services.prices",
    "messaging.services.sending",
    "messaging.signing",
    "messaging.verification",
)


def test_every_slow_call_site_is_tested_here() -> None:
    found = set()
    for path in BASE.glob("*/**/*.py"):
        name = ".".join(path.relative_to(BASE).with_suffix("").parts)
        if name.startswith(("tests.", ".")) or name == "core.postgres.outside":
            continue
        if any(
            isinstance(node, ast.ImportFrom) and node.module == "core.postgres.outside"
            for node in ast.walk(ast.parse(path.read_text()))
        ):
            found.add(name)
    assert found == set(MODULES)


def test_cpu_heavy_work_is_declared() -> None:
    """Keys of RSA, and hashes that are slow on purpose. Django's own, of passwords, are walked through below."""
    slow = re.compile(
        r"\brsa\.generate_private_key\(|\bbcrypt\.(hashpw|checkpw|kdf)\(|\b(Scrypt|PBKDF2HMAC|Argon2id|scrypt)\("
    )
    found = {
        ".".join(path.relative_to(BASE).with_suffix("").parts)
        for path in BASE.glob("*/**/*.py")
        if not path.relative_to(BASE).parts[0].startswith(("tests", ".")) and slow.search(path.read_text())
    }
    assert found
    assert found <= set(MODULES)


def test_call_inside_a_transaction_is_counted_and_refused_where_configured(settings: Any) -> None:
    before = outside.CALLS.labels("tests")._value.get()
    outside_transactions("tests")
    with transaction.atomic():
        outside_transactions("tests")
        settings.REFUSE_CALLS_IN_TRANSACTIONS = True
        with pytest.raises(CalledInTransaction, match="tests was called inside a transaction"):
            outside_transactions("tests")
    assert outside.CALLS.labels("tests")._value.get() - before == 2


def test_creating_and_rotating_a_key_on_the_pages(
    world: World, login: Callable[..., Client], calls: list[str]
) -> None:
    browser = login(world.owner, world.company)

    made = create(browser, name="walked")
    with tenant_context(world.tenant()):
        key = ApiKey.objects.get(name="walked")
    rotated = browser.post(f"/keys/{key.public_id}/rotate/", {"overlap": "none"})

    assert (made.status_code, rotated.status_code) == (200, 200)
    assert "pm_live_" in rotated.content.decode()
    assert calls == ["bcrypt", "bcrypt"]


def test_rotating_several_keys_on_one_page(
    world: World, login: Callable[..., Client], calls: list[str]
) -> None:
    chosen = [make_key(world.company, name=name).key.public_id for name in ("one", "two")]
    browser = login(world.owner, world.company)
    calls.clear()

    answer = browser.post("/keys/selected/rotate/", {"key": chosen, "overlap": "none"})

    assert answer.content.decode().count("pm_live_") >= 2
    assert calls == ["bcrypt", "bcrypt"]


def test_looking_at_the_records_of_a_sender_domain(
    world: World, api: Callable[..., ApiClient], settings: Any, calls: list[str]
) -> None:
    settings.MESSAGING_DNS_RESOLVERS = ["127.0.0.1:1"]  # nobody answers there
    client = api(make_key(world.company, ["sender_domains:write"]).client_secret)
    calls.clear()

    added = client.post("/v1/sender_domains", {"domain": "walked.example"})
    check_due_domains()

    assert added.status == 201
    assert "dns" in calls


def test_the_keys_of_a_sender_domain_are_made_before_its_transaction_and_not_for_one_that_is_refused(
    world: World, api: Callable[..., ApiClient], login: Callable[..., Client], calls: list[str]
) -> None:
    client = api(make_key(world.company, ["sender_domains:write"]).client_secret)
    browser = login(world.owner, world.company)
    client.delete("/v1/sender_domains/sdom_none")  # the key is known from here on
    calls.clear()

    first = client.post("/v1/sender_domains", {"domain": "keys.example"}, idempotency_key="one")
    page = browser.post("/messages/senders/domains/add/", {"domain": "pages.example"})
    assert (first.status, page.status_code) == (201, 302)
    assert calls == ["dkim key"] * 4

    again = client.post("/v1/sender_domains", {"domain": "keys.example"}, idempotency_key="one")
    refused = [
        client.post("/v1/sender_domains", body).status
        for body in ({"domain": "keys.example"}, {"domain": "no domain"}, {"domain": 7}, {})
    ]
    refused.append(browser.post("/messages/senders/domains/add/", {"domain": "pages.example"}).status_code)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert refused == [409, 400, 400, 400, 400]
    assert calls == ["dkim key"] * 4


def test_the_documents_of_an_invoice_and_of_a_credit_note(
    world: World, api: Callable[..., ApiClient], login: Callable[..., Client], calls: list[str]
) -> None:
    """At every door, sending included: a finalized document that was made is kept, so each is of an object of its own."""
    tenant = world.tenant()
    prove_domain(tenant, "acme.example")
    secret = make_key(world.company, ["invoices:read", "messaging:send"]).client_secret
    browser = login(world.owner, world.company)
    customer = make_customer(tenant, email="ada@example.com")
    sent, written, hosted = (make_invoice(tenant, customer=customer, finalize=True) for _ in range(3))
    with tenant_context(tenant):
        link = urlsplit(create_link(invoice=hosted, actor=SYSTEM)).path
    draft = f"/invoices/{make_invoice(tenant).public_id}/pdf"
    notes = [make_credit_note(tenant).public_id for _ in range(2)]
    assert api(secret).get("/v1/whoami").status == 200
    calls.clear()

    answers = [
        api(secret).get(f"/v1{draft}").status,
        browser.get(f"{draft}/").status_code,
        api(secret).post(f"/v1/invoices/{sent.public_id}/send", {}).status,
        browser.post(
            f"/messages/invoices/{written.public_id}/send/",
            {"to": "ada@example.com", "subject": "Hi", "form_token": uuid.uuid4().hex},
        ).status_code,
        Client(REMOTE_ADDR=random_address()).get(f"{link}/pdf").status_code,
        api(secret).get(f"/v1/credit_notes/{notes[0]}/pdf").status,
        browser.get(f"/credit_notes/{notes[1]}/pdf/").status_code,
    ]

    assert answers == [200, 200, 201, 302, 200, 200, 200]
    assert calls == ["invoice PDF"] * 5 + ["credit note PDF"] * 2


def test_issuing_a_key_by_command(world: World, calls: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("issue_key", company=world.company.slug, name="walked", mode="live", scopes="customers:read")

    assert "pm_live_" in capsys.readouterr().out
    assert calls == ["bcrypt"]


def test_the_first_use_of_a_key(
    world: World, api: Callable[..., ApiClient], calls: list[str], settings: Any
) -> None:
    issued = make_key(world.company)

    assert api(issued.client_secret).get("/v1/whoami").status == 200

    assert calls == ["bcrypt", "bcrypt"]


def test_judging_a_report_of_a_found_secret(world: World, calls: list[str], settings: Any) -> None:
    issued = make_key(world.company)
    assert report_secret(issued.client_secret).status_code == 202
    # The pepper is lost, so that only the hash can say.
    settings.API_KEY_PEPPERS = "9:" + "7a" * 32

    evaluate_reports(now=clock.now())

    assert calls == ["bcrypt", "bcrypt"]


def test_charging_a_card(world: World, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    set_aside_due_payments()
    charge = make_charge(world.tenant(), settle=False)
    monkeypatch.setattr(completion, "gateway_named", lambda name: _Gateway())

    assert complete_payments(max_batches=1) == 1

    assert status_of(world.tenant(), charge) == "succeeded"
    assert calls == ["gateway"]


class _Gateway:
    def charge(self, order: Any) -> Outcome:
        return Outcome(succeeded=True, reference="gw_1")


def test_sending_a_payer_to_the_gateways_page(
    world: World, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    with tenant_context(world.tenant()):
        link = urlsplit(create_link(invoice=invoice, actor=SYSTEM)).path
    monkeypatch.setattr(checkouts, "current_gateway", _GatewayWithPages)
    monkeypatch.setattr(checkouts, "gateway_named", lambda name: _GatewayWithPages())

    answers = [Client(REMOTE_ADDR=random_address()).post(f"{link}/pay") for _ in range(2)]

    assert [answer.headers["Location"] for answer in answers] == ["https://pay.example/1"] * 2
    assert calls == ["gateway"] * 2


class _GatewayWithPages(SandboxGateway):
    poll_checkout = end_checkout = lambda self, order: None

    def checkout_origin(self) -> str:
        return "https://pay.example"

    def open_checkout(self, order: Any, **_: Any) -> CheckoutPage:
        return CheckoutPage(session="page_1", url="https://pay.example/1")

    def reopen_checkout(self, order: Any) -> CheckoutPage:
        return CheckoutPage(session=order.session, url="https://pay.example/1")


def test_fetching_the_price_of_an_sms(
    world: World, calls: list[str], vendor: StandIn, priced: dict[str, Any]
) -> None:
    prove_senders(world)
    priced["+4930123456"] = ("-0.07", "USD")
    send(world.tenant(), "+4930123456")
    deliver()
    calls.clear()

    assert ask_now(world.tenant()) == 1

    assert set(calls) == {"provider"}
    assert costs(world.tenant())["+4930123456"][0] == "known"


def test_sending_messages_and_mail_of_our_own(world: World, calls: list[str], settings: Any) -> None:
    settings.EMAIL_BACKEND = "core.mail.backend.QueuedBackend"
    settings.MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
    settings.MESSAGING_PROVIDERS = {"email": "smtp", "sms": "file"}
    with mail_server() as (handler, url):
        settings.MESSAGING_SMTP_URL = url
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", int(url.rpartition(":")[2])
        message = queue_email(world.tenant(), "walked@example.com")
        send_due_messages(seconds=30)
        mail.send_mail("Hello", "Hi", None, ["walked-too@example.com"])
        delivery.send_queued_mail()

        assert statuses(message) == ["sent"]
        assert len(handler.to("walked@example.com")) == len(handler.to("walked-too@example.com")) == 1
    assert {"provider", "mail"} == set(calls)


class WatchfulHasher(MD5PasswordHasher):
    """Notes whether a transaction was open when a password was hashed."""

    hashed: ClassVar[list[bool]] = []

    def encode(self, password: str, salt: str) -> str:
        self.hashed.append(transaction.get_connection().in_atomic_block)
        return super().encode(password, salt)


def test_signing_up_in_and_resetting_a_password(world: World, calls: list[str], settings: Any) -> None:
    """Django's password hashes are as slow as ours, and made by the framework: no transaction is open around them."""
    settings.PASSWORD_HASHERS = ["tests.contracts.test_calls_outside_transactions.WatchfulHasher"]
    WatchfulHasher.hashed.clear()
    for path, form in (
        ("signup", {"email": f"new-{world.owner.email}", "password1": PASSWORD}),
        ("login", {"login": world.owner.email, "password": PASSWORD}),
        ("login", {"login": world.owner.email, "password": "wrong"}),
    ):
        Client(REMOTE_ADDR=random_address()).post(f"/accounts/{path}/", form)

    assert len(WatchfulHasher.hashed) >= 3
    assert set(WatchfulHasher.hashed) == {False}
