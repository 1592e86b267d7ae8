"""No live message can impersonate others: senders by mode and company, checked on acceptance and before sending."""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any

import pytest

from accounts.models import Membership
from apikeys.services import IssuedKey
from core import clock
from core.tenancy import tenant_context
from messaging.models import Message, SenderDomain, SmsSender
from messaging.providers.base import Envelope, Proof, Target
from messaging.providers.file import list_mailbox
from messaging.services import choose_countries, create_message, delete_domain, sending
from messaging.services.senders import SenderNotVerified
from messaging.services.sms_senders import NumberRangeLimited, SmsCountryOff
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, join, make_user, make_world, prove_domain, prove_sms
from tests.messaging.conftest import deliver, look, make_due, time_line
from tests.messaging.smtp import Mailhost
from tests.threads import all_at_once

EMAIL = {"channel": "email", "to": ["ada@example.com"], "subject": "Hello", "text": "Hi"}
SMS = {"channel": "sms", "to": ["+4930123456"], "text": "Hi"}


@pytest.fixture
def world() -> World:
    """A world without verified senders."""
    return make_world()


@pytest.fixture
def sender(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> ApiClient:
    return api(issue_key(world.company, scopes=["messaging:send", "messaging:read"]).client_secret)


# The possible `from` addresses, and who verified them: company `first` acme.example, company `second` globex.example.
SENDERS = {
    None: {"first", "second"},
    "news@acme.example": {"first"},
    "Acme <News@ACME.example>": {"first"},
    "news@shop.acme.example": {"first"},
    "news@globex.example": {"second"},
    "news@notacme.example": set(),
    "news@acme.example.evil.example": set(),
    "news@example": set(),
    "news@pending.example": set(),
    "news@lapsed.example": set(),
    "news@test-only.example": set(),
    "news@\u0430cme.example": set(),  # a Cyrillic a
    '"news@acme.example" <news@evil.example>': set(),
    "ceo@bank.example": set(),
}


def test_live_mail_requires_a_verified_domain(
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    mailhost: Mailhost,
    record_property: Callable[[str, object], None],
) -> None:
    """Every sender, by every company, in both modes: mail at a real mail server is from a verified domain."""
    world = make_world(tier="enterprise")
    companies = {
        "first": world.company,
        "second": world.other_company,
        "neither": make_world(tier="enterprise").company,
    }
    tenants = {name: company.live_tenant for name, company in companies.items()}
    prove_domain(tenants["first"], "acme.example")
    prove_domain(tenants["second"], "globex.example")
    for name in ("pending", "failed"):
        row = prove_domain(tenants["first"], {"pending": "pending.example", "failed": "lapsed.example"}[name])
        with tenant_context(row.tenant):
            SenderDomain.objects.filter(id=row.id).update(status=name)
    prove_domain(world.tenant("test"), "test-only.example")
    clients = {
        (name, mode): api(issue_key(company, scopes=["email:send"], mode=mode, rate_limit=60).client_secret)
        for name, company in companies.items()
        for mode in ("live", "test")
    }
    refused = accepted = 0

    for (address, proved_by), name, mode in itertools.product(SENDERS.items(), companies, ("live", "test")):
        body = EMAIL | ({"from": address} if address else {})
        answer = clients[name, mode].post("/v1/messages", body)
        if answer.status == 400:
            assert address in ("news@example", '"news@acme.example" <news@evil.example>'), answer
            continue
        if mode == "test" or name in proved_by:
            assert answer.status == 201, (address, name, mode, answer)
            accepted += 1
        else:
            assert (answer.status, answer.code) == (403, "sender_not_verified"), (address, name, mode, answer)
            assert "sender_domains" in answer.json["error"].get("fix", "sender_domains")
            refused += 1
    deliver()

    assert mailhost.received
    unproved = [
        mail.message["From"]
        for mail in mailhost.received
        if not mail.message["From"].addresses[0].domain.lower().endswith(("acme.example", "globex.example"))
        or mail.message["DKIM-Signature"] is None
    ]
    assert unproved == []
    record_property(
        "isolation", f"senders: {accepted} accepted, {refused} refused, {len(unproved)} left unproved"
    )


def test_default_sender_is_the_first_verified_domain_with_the_companys_name(
    world: World, sender: ApiClient
) -> None:
    prove_domain(world.tenant(), "acme.example")
    prove_domain(world.tenant(), "later.example")

    assert sender.post("/v1/messages", EMAIL).json["from"] == "Acme <no-reply@acme.example>"


# --- without a domain: members only -------------------------------------------------------------------------------------


def test_without_a_domain_email_only_goes_to_members(
    world: World, sender: ApiClient, mailhost: Mailhost, settings: Any
) -> None:
    settings.MESSAGING_EMAIL_FROM = "Pomelo <no-reply@operator.example>"
    answer = sender.post(
        "/v1/messages", {**EMAIL, "to": [world.owner.email], "cc": [world.teammate.email.upper()]}
    )
    assert answer.status == 201, answer
    assert (answer.json["from"], answer.json["reply_to"]) == (
        "Acme <no-reply@operator.example>",
        [world.owner.email],
    )

    deliver()

    [received] = mailhost.received
    assert sorted(address.lower() for address in received.recipients) == sorted(
        [world.owner.email, world.teammate.email]
    )
    assert received.message["DKIM-Signature"] is None


@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
def test_single_non_member_recipient_is_refused(world: World, sender: ApiClient, field: str) -> None:
    body = {**EMAIL, "to": [world.owner.email]} | {field: ["ada@example.com"]}

    answer = sender.post("/v1/messages", body)

    assert (answer.status, answer.code) == (403, "sender_not_verified")
    assert answer.json["error"]["recipient"] == "ada@example.com"


def test_members_of_another_company_do_not_count_as_members(world: World, sender: ApiClient) -> None:
    assert sender.post("/v1/messages", {**EMAIL, "to": [world.outsider.email]}).code == "sender_not_verified"


def test_the_operators_domain_cannot_be_claimed(world: World, sender: ApiClient, settings: Any) -> None:
    settings.MESSAGING_EMAIL_FROM = "Pomelo <no-reply@operator.example>"

    answer = sender.post("/v1/messages", {**EMAIL, "from": "Security <NO-REPLY@operator.example>"})

    assert (answer.status, answer.code) == (403, "sender_not_verified")


def test_sender_refusal_is_not_stored_under_its_idempotency_key(world: World, sender: ApiClient) -> None:
    first = sender.post("/v1/messages", {**EMAIL, "from": "a@acme.example"}, idempotency_key="again")
    prove_domain(world.tenant(), "acme.example")
    second = sender.post("/v1/messages", {**EMAIL, "from": "a@acme.example"}, idempotency_key="again")

    assert (first.status, second.status) == (403, 201)


# --- checked again before sending ------------------------------------------------------------------------------------------


def refused(message: Any, address: str = "ada@example.com") -> Any:
    row, recipients = look(message)
    return row.status, recipients[address].error_code, time_line(message, address)


REFUSED = ("failed", "sender_not_verified", [("failed", "sender_not_verified")])


@pytest.mark.parametrize("end", ["lapsed", "removed"])
def test_accepted_mail_is_not_sent_after_its_domain_lapses(
    world: World, mailhost: Mailhost, queue: Callable[..., Message], end: str
) -> None:
    domain = prove_domain(world.tenant())
    message = queue(world.tenant(), "ada@example.com", send_at=clock.now() + dt.timedelta(days=1))
    with tenant_context(world.tenant()):
        if end == "lapsed":
            SenderDomain.objects.update(status="failed")
        else:
            delete_domain(domain=domain, actor=SYSTEM)

    make_due(message)
    deliver()

    assert mailhost.received == []
    assert refused(message) == REFUSED


def test_mail_for_a_former_member_is_not_sent(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    guest = make_user("guest")
    join(world.company, guest, "viewer")
    message = queue(world.tenant(), guest.email)
    with tenant_context(world.tenant()):
        Membership.objects.filter(user=guest).delete()

    deliver()

    assert mailhost.received == []
    assert refused(message, guest.email) == REFUSED


@pytest.mark.parametrize(
    "proof",
    [None, Proof("Acme <news@acme.example>"), Proof("news@acme.example ")],
)
def test_provider_is_not_called_for_an_unverified_sender(
    world: World, mailhost: Mailhost, proof: Any, settings: Any
) -> None:
    """The last check, whatever created the envelope."""
    target = Target(world.company.id, "ada@example.com")
    envelope = Envelope(
        world.company.id, world.tenant(), "email", "news@acme.example", (target,), (target,), proof=proof
    )
    results = sending._Results()

    sending._call(sending._Part(job=None, envelope=envelope), results)

    [part] = results.take(1, 1)
    assert [(one.outcome, one.code) for one in part.results] == [("failed", "sender_not_verified")]
    assert mailhost.received == []


# --- SMS ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Acme", "ACME", "+4930999999"])
@pytest.mark.parametrize("status", ["pending", "rejected", "another company's", "test mode's", None])
def test_sms_requires_a_sender_approved_by_staff(
    world: World, sender: ApiClient, name: str, status: str | None
) -> None:
    tenant = {"another company's": world.other_tenant(), "test mode's": world.tenant("test")}.get(
        status, world.tenant()
    )
    if status:
        row = prove_sms(tenant, name)
        with tenant_context(tenant):
            SmsSender.objects.filter(id=row.id).update(
                status=status if status in ("pending", "rejected") else "approved"
            )

    for body in (SMS, {**SMS, "from": name}):
        assert sender.post("/v1/messages", body).code == "sender_not_verified"


def test_approved_sender_is_used_unchanged(world: World, sender: ApiClient) -> None:
    prove_sms(world.tenant(), "Acme")

    assert sender.post("/v1/messages", {**SMS, "from": "aCME"}).json["from"] == "Acme"
    assert sender.post("/v1/messages", SMS).json["from"] == "Acme"
    assert sender.post("/v1/messages", {**SMS, "from": "Acme2"}).code == "sender_not_verified"


def test_sms_is_not_sent_after_its_sender_was_revoked(
    world: World, queue: Callable[..., Message], settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "file"}
    prove_sms(world.tenant(), "Acme")
    message = queue(world.tenant(), "+4930123456", channel="sms", subject="")
    with tenant_context(world.tenant()):
        SmsSender.objects.update(status="rejected")

    deliver()

    assert list_mailbox(world.tenant()) == []
    assert refused(message, "+4930123456") == REFUSED


def test_sms_is_not_sent_after_its_country_was_turned_off(
    world: World, queue: Callable[..., Message], settings: Any, tmp_path: Path
) -> None:
    """Whoever discovers a stolen key's SMS disables their country; scheduled SMS must not be sent afterwards."""
    settings.DATA_DIR = tmp_path
    settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "file"}
    prove_sms(world.tenant(), "Acme", countries=["DE", "AT"])
    message = queue(world.tenant(), "+43512345678", "+4930123456", channel="sms", subject="")
    with tenant_context(world.tenant()):
        choose_countries(countries=["DE"], actor=SYSTEM)

    deliver()

    assert [mail.to for mail in list_mailbox(world.tenant())] == ["+4930123456"]
    with tenant_context(world.tenant()):
        expected = dict(message.recipients.values_list("address", "error_code"))
    assert expected == {"+43512345678": "sms_country_off", "+4930123456": ""}


def send_sms(tenant: Any, *numbers: Any) -> Any:
    with tenant_context(tenant):
        return create_message(actor=SYSTEM, channel="sms", to=numbers, text="Hi").message


def test_sms_are_sent_to_enabled_countries_only(world: World) -> None:
    tenant = world.tenant()
    prove_sms(tenant, "Acme", countries=["DE"])
    send_sms(tenant, "+4930123456")

    with pytest.raises(SmsCountryOff) as off:
        send_sms(tenant, "+4930123457", "+43512345678")
    assert off.value.facts == {"country": "AT", "recipient": "+43512345678"}
    with tenant_context(tenant):
        choose_countries(countries=["AT"], actor=SYSTEM)
    send_sms(tenant, "+43512345678")


def test_by_default_sms_are_sent_to_the_country_of_the_approved_number(world: World) -> None:
    tenant = world.tenant()
    with tenant_context(tenant):
        SmsSender.objects.create(
            sender="+4930999999", sender_normalized="+4930999999", status="approved", reason="tests"
        )

    send_sms(tenant, "+4930123456")
    with pytest.raises(SmsCountryOff):
        send_sms(tenant, "+43512345678")


def test_sms_to_one_number_range_are_limited_per_hour(world: World) -> None:
    tenant = world.tenant()
    prove_sms(tenant)
    send_sms(tenant, *(f"+49301234{last:02}" for last in range(12)))
    send_sms(tenant, *(f"+49301234{last:02}" for last in range(12, 20)))

    with pytest.raises(NumberRangeLimited) as limited:
        send_sms(tenant, "+4930123499")
    assert limited.value.headers == {"Retry-After": "3600"}
    send_sms(tenant, "+4930987654")  # of another range

    with tenant_context(tenant):
        for message in Message.objects.all():
            message.recipients.update(created=clock.now() - dt.timedelta(hours=2))
    send_sms(tenant, "+4930123499")


def test_concurrent_sms_to_one_range_are_limited_like_sequential_ones(world: World) -> None:
    tenant = world.tenant()
    prove_sms(tenant)

    def attempt(number: int) -> None:
        send_sms(tenant, *(f"+49301234{number}{last}" for last in range(10)))

    outcomes = Counter(type(result) for result in all_at_once(8, attempt))

    assert outcomes == {NumberRangeLimited: 6, NoneType: 2}


def test_test_mode_accepts_every_sender(world: World) -> None:
    tenant = world.tenant("test")
    with tenant_context(tenant):
        create_message(actor=SYSTEM, sender="ceo@bank.example", **EMAIL)
        create_message(actor=SYSTEM, sender="Bank", **SMS)
    deliver()
    with tenant_context(tenant):
        assert set(Message.objects.values_list("status", flat=True)) == {"delivered"}


def test_service_applies_the_endpoints_rules(world: World) -> None:
    with tenant_context(world.tenant()), pytest.raises(SenderNotVerified):
        create_message(actor=SYSTEM, sender="ceo@bank.example", **EMAIL)
