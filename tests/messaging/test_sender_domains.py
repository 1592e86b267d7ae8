"""Sender domains: added, verified with a real DNS server, checked daily, and lapsed."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from typing import Any

import dkim
import pytest
from django.core import mail

from apikeys.services import IssuedKey
from core import clock
from core.security.crypto import decrypt_text
from core.tenancy import system_context, tenant_context
from messaging import verification
from messaging.models import DkimKey, Message, SenderDomain
from messaging.services import add_domain, check_due_domains, domain_checks, request_check
from messaging.services.domain_checks import LAPSES_AFTER, WHILE_FAILING
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, dkim_key, make_world, prove_domain
from tests.messaging.conftest import deliver, events_of
from tests.messaging.dns_server import dns_server
from tests.messaging.smtp import Mailhost
from tests.poison import poison, reason_of

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def world() -> World:
    """A world without verified senders."""
    return make_world()


@pytest.fixture
def zone(settings: Any) -> Iterator[Any]:
    """A real DNS server, set as the resolver."""
    with dns_server() as found:
        settings.MESSAGING_DNS_RESOLVERS = [found.address]
        yield found


@pytest.fixture
def nothing_due() -> None:
    """Postpone the checks of other tests' domains."""
    with system_context(reason="tests"):
        SenderDomain.objects.all().delete()


@pytest.fixture
def client(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> ApiClient:
    return api(
        issue_key(
            world.company, scopes=["sender_domains:read", "sender_domains:write", "messaging:send"]
        ).client_secret
    )


def publish(zone: Any, body: Any, *purposes: Any) -> None:
    """Set the records of these purposes (all by default), as the company's administrator would."""
    for record in body["records"]:
        if not purposes or record["purpose"] in purposes:
            zone.add(record["name"], record["type"], record["value"])


def look_again(client: Any, body: Any) -> Any:
    client.post(f"/v1/sender_domains/{body['id']}/verify")
    check_due_domains()
    return client.get(f"/v1/sender_domains/{body['id']}").json


def test_domain_is_verified_once_its_records_are_there(
    world: World, client: ApiClient, zone: Any, settings: Any
) -> None:
    settings.MESSAGING_SPF_INCLUDE, settings.MESSAGING_RETURN_PATH = (
        "spf.pomelo.example",
        "bounces@mx.pomelo.example",
    )
    answer = client.post("/v1/sender_domains", {"domain": "Acme.Example."})
    assert answer.status == 201, answer
    body = answer.json
    assert (body["domain"], body["status"], body["verified_at"]) == ("acme.example", "pending", None)
    assert [(r["purpose"], r["type"], r["required"]) for r in body["records"]] == [
        ("challenge", "TXT", True),
        ("dkim", "TXT", True),
        ("dkim", "TXT", False),
        ("spf", "TXT", False),
        ("return_path", "CNAME", False),
        ("dmarc", "TXT", False),
    ]

    check_due_domains()
    assert [r["status"] for r in client.get(f"/v1/sender_domains/{body['id']}").json["records"]] == [
        "missing"
    ] * 6

    publish(zone, body)
    found = look_again(client, body)

    assert found["status"] == "verified", found
    assert [r["status"] for r in found["records"]] == ["found"] * 6
    with tenant_context(world.tenant()):
        row = SenderDomain.objects.get()
    assert events_of(row) == ["sender_domain.verified"]
    assert dt.timedelta(hours=23) < row.next_check_at - clock.now() <= dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("purposes", "status"),
    [
        (["challenge"], "pending"),
        (["dkim"], "pending"),
        (["dmarc"], "pending"),
        (["challenge", "dkim"], "verified"),
    ],
)
def test_domain_needs_the_challenge_and_a_key_to_be_verified(
    client: ApiClient, zone: Any, purposes: list[str], status: str
) -> None:
    body = client.post("/v1/sender_domains", {"domain": "acme.example"}).json

    publish(zone, body, *purposes)

    assert look_again(client, body)["status"] == status


def test_challenge_of_another_company_verifies_nothing(world: World, client: ApiClient, zone: Any) -> None:
    """Two companies may claim one domain; each needs its own challenge."""
    with tenant_context(world.other_tenant()):
        theirs = add_domain(actor=SYSTEM, keys=[dkim_key()] * 2, domain="acme.example")
        keys = list(theirs.keys.all())
    for record in verification.records_of(theirs, keys):
        zone.add(record.name, record.type, record.value)
    body = client.post("/v1/sender_domains", {"domain": "acme.example"}).json

    found = look_again(client, body)

    assert found["status"] == "pending"
    assert [r["status"] for r in found["records"] if r["purpose"] == "challenge"] == ["differs"]
    with tenant_context(world.other_tenant()):
        assert SenderDomain.objects.get().status == "verified"


def test_differing_dns_record_is_shown(client: ApiClient, zone: Any) -> None:
    body = client.post("/v1/sender_domains", {"domain": "acme.example"}).json
    zone.add("_pomelo-challenge.acme.example", "TXT", "pomelo=of-last-year", "other=1")

    challenge = look_again(client, body)["records"][0]

    assert (challenge["status"], challenge["found"]) == ("differs", ["other=1", "pomelo=of-last-year"])


@pytest.mark.parametrize("way", ["broken", "silent"])
def test_failing_name_server_does_not_count_as_a_missing_record(
    client: ApiClient, zone: Any, way: str
) -> None:
    body = client.post("/v1/sender_domains", {"domain": "acme.example"}).json
    publish(zone, body)
    getattr(zone, way).add("_pomelo-challenge.acme.example")

    found = look_again(client, body)

    assert (found["status"], found["records"][0]["status"]) == ("pending", "unreachable")
    assert found["records"][1]["status"] == "found"


def test_dmarc_policy_of_the_organization_applies_to_the_subdomain(client: ApiClient, zone: Any) -> None:
    body = client.post("/v1/sender_domains", {"domain": "news.acme.example"}).json
    zone.add("_dmarc.acme.example", "TXT", "v=DMARC1; p=reject")

    assert look_again(client, body)["records"][-1]["status"] == "found"


def test_international_domain_is_shown_in_its_ascii_form(client: ApiClient) -> None:
    """A Cyrillic a looks like a Latin one: `аcme.example`."""
    assert (
        client.post("/v1/sender_domains", {"domain": "\u0430cme.example"}).json["domain"]
        == "xn--cme-5cd.example"
    )


@pytest.mark.parametrize(
    "text",
    [
        "localhost",
        "a b.example",
        "127.0.0.1",
        "ada@acme.example",
        "-a.example",
        "*.example",
        "a" * 64 + ".example",
    ],
)
def test_invalid_domains_are_refused(client: ApiClient, text: str) -> None:
    answer = client.post("/v1/sender_domains", {"domain": text})

    assert (answer.status, answer.code) == (400, "validation_failed"), answer


def test_dkim_private_keys_are_encrypted_and_never_shown(world: World, client: ApiClient) -> None:
    answer = client.post("/v1/sender_domains", {"domain": "acme.example"})

    with tenant_context(world.tenant()):
        keys = list(DkimKey.objects.all())
    assert len(keys) == 2
    assert len({key.selector for key in keys}) == 2
    for key in keys:
        assert "PRIVATE" not in key.private_key
        assert "PRIVATE KEY" in decrypt_text(key.private_key)
        assert key.private_key not in answer.content.decode()
        assert key.public_key in answer.content.decode()


# --- the daily check ------------------------------------------------------------------------------------------------------


def lose(zone: Any, row: Any, since: Any = None) -> Any:
    """Remove the records some time ago, and make the check due."""
    with system_context(reason="tests"):
        SenderDomain.objects.filter(id=row.id).update(failing_since=since, next_check_at=clock.now())
    check_due_domains()
    with tenant_context(row.tenant):
        return SenderDomain.objects.get(id=row.id)


def test_domain_without_its_records_still_sends_then_warns_and_lapses_after_72_hours(
    world: World, zone: Any
) -> None:
    row = prove_domain(world.tenant())
    told = lambda: [m.subject for m in mail.outbox if m.to == [world.owner.email]]  # noqa: E731

    first = lose(zone, row)
    assert (first.status, first.warnings, told()) == ("verified", 0, [])
    assert first.next_check_at - clock.now() <= WHILE_FAILING

    now = clock.now()
    second = lose(zone, row, since=now - dt.timedelta(hours=2))
    assert (second.status, second.warnings) == ("verified", 1)
    third = lose(zone, row, since=now - dt.timedelta(hours=3))
    assert third.warnings == 1
    fourth = lose(zone, row, since=now - dt.timedelta(hours=49))
    assert fourth.warnings == 2
    assert events_of(row) == []

    last = lose(zone, row, since=now - LAPSES_AFTER)

    assert last.status == "failed"
    assert events_of(row) == ["sender_domain.failed"]
    assert told() == ["Records are missing for acme.example"] * 2 + [
        "Mail can no longer be sent from acme.example"
    ]


def test_restored_records_end_the_failure(world: World, zone: Any) -> None:
    with tenant_context(world.tenant()):
        row = add_domain(actor=SYSTEM, keys=[dkim_key()] * 2, domain="acme.example")
        keys = list(row.keys.all())
    for record in verification.records_of(row, keys):
        zone.add(record.name, record.type, record.value)
    check_due_domains()
    zone.remove("_pomelo-challenge.acme.example", "TXT")
    lapsed = lose(zone, row, since=clock.now() - LAPSES_AFTER)
    assert lapsed.status == "failed"

    zone.add("_pomelo-challenge.acme.example", "TXT", f"pomelo={row.token}")
    back = lose(zone, row, since=lapsed.failing_since)

    assert (back.status, back.failing_since, back.warnings) == ("verified", None, 0)
    assert events_of(row) == ["sender_domain.verified", "sender_domain.failed", "sender_domain.verified"]


def test_unverified_domain_is_checked_less_and_less_often(world: World, zone: Any) -> None:
    with tenant_context(world.tenant()):
        row = add_domain(actor=SYSTEM, keys=[dkim_key()] * 2, domain="acme.example")
    waits = []
    for age in (0, 1, 8, 13 * 24, 15 * 24):
        with system_context(reason="tests"):
            SenderDomain.objects.filter(id=row.id).update(
                created=clock.now() - dt.timedelta(hours=age), next_check_at=clock.now()
            )
        check_due_domains()
        with tenant_context(row.tenant):
            found = SenderDomain.objects.get(id=row.id)
            waits.append(found.next_check_at and round((found.next_check_at - clock.now()) / MINUTE))
    assert waits == [1, 15, 120, 1440, None]

    with tenant_context(row.tenant):
        request_check(domain=row)
    assert check_due_domains() == 1


def test_domain_that_cannot_be_saved_does_not_block_others(
    world: World, zone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_context(world.other_tenant()):
        bad = add_domain(actor=SYSTEM, keys=[dkim_key()] * 2, domain="bad.example")
    with tenant_context(world.tenant()):
        good = add_domain(actor=SYSTEM, keys=[dkim_key()] * 2, domain="good.example")
    poison(
        monkeypatch,
        domain_checks,
        "is_proved",
        lambda records, found: records[0].name.endswith("bad.example"),
    )

    assert check_due_domains() == 1

    assert "Poison" in reason_of("messaging.check_domains", bad.public_id)
    with tenant_context(world.tenant()):
        assert SenderDomain.objects.get(id=good.id).checked_at is not None


def test_domain_with_many_labels_needs_few_lookups(client: ApiClient, zone: Any) -> None:
    """A malicious name server could delay each of these lookups, and block the checks of all others."""
    domain = "a." * 60 + "acme.example"
    body = client.post("/v1/sender_domains", {"domain": domain}).json

    check_due_domains()

    asked = list(dict.fromkeys(name for name, _ in zone.asked if name.startswith("_dmarc.")))
    assert len(asked) == verification.MOST_POLICIES
    assert (asked[0], asked[-1]) == (f"_dmarc.{domain}", "_dmarc.acme.example")
    zone.add("_dmarc.acme.example", "TXT", "v=DMARC1; p=reject")
    assert look_again(client, body)["records"][-1]["status"] == "found"


def test_silent_name_server_takes_the_time_of_its_own_domain_only(
    client: ApiClient, zone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "DOMAIN_SECONDS", 2.0)
    monkeypatch.setattr(verification, "LOOKUP_SECONDS", 60.0)
    body = client.post("/v1/sender_domains", {"domain": "a.b.c.d.acme.example"}).json
    *_, third, fourth = [record["name"] for record in body["records"]]
    zone.silent.add(third)
    began = time.monotonic()

    found = look_again(client, body)

    assert time.monotonic() - began < verification.LOOKUP_SECONDS
    assert [record["status"] for record in found["records"]] == [
        "missing",
        "missing",
        "unreachable",
        "unreachable",
    ]
    asked = {name for name, _ in zone.asked}
    assert third in asked
    assert fourth not in asked


def test_domain_check_run_is_bounded(client: ApiClient, zone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain_checks, "RUN_SECONDS", 0.0)
    client.post("/v1/sender_domains", {"domain": "acme.example"})

    assert check_due_domains() == 0
    assert zone.asked == []


def test_domain_is_checked_by_one_worker_at_a_time(
    client: ApiClient, zone: Any, nothing_due: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check takes a worker seconds, and requesting one costs nothing: a single domain could keep all workers busy."""
    body = client.post("/v1/sender_domains", {"domain": "acme.example"}).json
    looks, of_others = [], []

    def look_and_be_asked_again(wanted: Any) -> Any:
        looks.append(wanted)
        if len(looks) == 1:
            assert client.post(f"/v1/sender_domains/{body['id']}/verify").status == 202
            of_others.append(check_due_domains())
        return verification.look_up_all(wanted)

    monkeypatch.setattr(domain_checks, "look_up_all", look_and_be_asked_again)

    # No other worker claimed it, and a request in the meantime causes another check: the running one may have missed new records.
    assert check_due_domains() == 2
    assert of_others == [0]


def test_concurrent_domain_checks_are_limited_across_workers(
    client: ApiClient, zone: Any, nothing_due: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain_checks, "BATCH", 1)
    monkeypatch.setattr(domain_checks, "MOST_AT_ONCE", 1)
    for name in ("acme.example", "acme.test"):
        client.post("/v1/sender_domains", {"domain": name})
    of_others = []

    def look(wanted: Any) -> Any:
        of_others.append(check_due_domains())
        return verification.look_up_all(wanted)

    monkeypatch.setattr(domain_checks, "look_up_all", look)

    assert check_due_domains() == 2
    assert of_others == [0, 0]


def test_domains_of_a_dead_worker_are_checked_by_another(
    client: ApiClient, zone: Any, nothing_due: None
) -> None:
    client.post("/v1/sender_domains", {"domain": "acme.example"})
    with system_context(reason="tests"):
        SenderDomain.objects.update(claimed_until=clock.now() + MINUTE)
    assert check_due_domains() == 0

    with system_context(reason="tests"):
        SenderDomain.objects.update(claimed_until=clock.now() - MINUTE)

    assert check_due_domains() == 1


# --- signatures -----------------------------------------------------------------------------------------------------------


def test_mail_of_a_verified_domain_passes_dkim_by_dns(
    world: World, client: ApiClient, zone: Any, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    body = client.post("/v1/sender_domains", {"domain": "acme.example"}).json
    publish(zone, body)
    assert look_again(client, body)["status"] == "verified"

    queue(
        world.tenant(),
        "Ada Lovelace <ada@example.com>",
        sender="Ärne <news@shop.acme.example>",
        subject="Grüße",
        html="<p>Hi</p>",
    )
    deliver()

    [received] = mailhost.to("ada@example.com")
    resolver = verification.make_resolver()

    def txt(name: Any, timeout: int = 5) -> Any:
        answer = resolver.resolve(name.decode() if isinstance(name, bytes) else name, "TXT", search=False)
        return b"".join(answer[0].strings)

    assert "d=acme.example" in received.message["DKIM-Signature"]
    assert dkim.verify(received.raw, dnsfunc=txt)
    assert not dkim.verify(received.raw.replace(b"Gr", b"gr", 1).replace(b"<p>Hi", b"<p>Ho"), dnsfunc=txt)
    assert not dkim.verify(b"From: Eve <eve@example.com>\r\n" + received.raw, dnsfunc=txt)


def test_unreadable_dkim_key_only_delays_its_own_messages(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    prove_domain(world.tenant())
    prove_domain(world.other_tenant(), "globex.example")
    with tenant_context(world.tenant()):
        DkimKey.objects.update(private_key="gAAAAAB-not-ours")
    bad, good = queue(world.tenant(), "a@example.com"), queue(world.other_tenant(), "b@example.com")

    deliver()

    assert [mail.recipients for mail in mailhost.received] == [["b@example.com"]]
    assert good is not None
    assert reason_of("messaging.send_due", bad.public_id)
