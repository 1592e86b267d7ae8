"""Bulk mail and unsubscribing: by the mailbox's button (RFC 8058), or on the page behind the link."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dkim
import pytest
from django.core.signing import Signer
from django.db import IntegrityError
from django.test import Client

from apikeys.services import IssuedKey
from audit.models import AuditEntry
from core.api.throttling import RatePolicy
from core.api.visits import VisitLimit
from core.models import OutboxEvent
from core.tenancy import system_context, tenant_context
from messaging.links import SALT, read_token, unsubscribe_link
from messaging.models import DkimKey, Message, Recipient, Suppression
from messaging.providers.file import list_mailbox
from messaging.services import clicks, create_suppression
from messaging.signing import key_record
from tests.clients import ApiClient, random_address, send_form, sign_in
from tests.factories import SYSTEM, World
from tests.messaging.conftest import deliver, look
from tests.messaging.smtp import Mailhost

ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"
NEWS = {"topic": "newsletter"}


@pytest.fixture
def client(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> ApiClient:
    scopes = ["messaging:send", "messaging:read", "suppressions:read", "suppressions:write"]
    return api(issue_key(world.company, scopes=scopes, rate_limit=60).client_secret)


@pytest.fixture
def stranger() -> Client:
    """An anonymous visitor with their own IP address; forged forms would be refused."""
    return Client(enforce_csrf_checks=True, REMOTE_ADDR=random_address())


def link_of(message: Any, address: Any) -> Any:
    """Return the path of a recipient's link."""
    _, recipients = look(message)
    return urlsplit(unsubscribe_link(recipients[address].id)).path


def entries(world: World) -> Any:
    with tenant_context(world.tenant()):
        return list(Suppression.objects.order_by("id").values_list("address", "origin", "topic"))


# --- what is accepted -----------------------------------------------------------------------------------------------------


def test_bulk_mail_is_sent_and_read_back_with_its_topic(client: ApiClient) -> None:
    body = {"channel": "email", "to": ["ada@example.com"], "subject": "News", "text": "Hi"}

    bulk = client.post("/v1/messages", {**body, "bulk": NEWS})
    transactional = client.post("/v1/messages", body)

    assert (bulk.status, bulk.json["bulk"]) == (201, NEWS)
    assert client.get(f"/v1/messages/{bulk.json['id']}").json["bulk"] == NEWS
    assert transactional.json["bulk"] is None
    with system_context(reason="tests"):
        event = OutboxEvent.objects.get(object_id=bulk.json["id"], type="message.queued")
    assert event.data["object"]["bulk"] == NEWS


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"channel": "sms", "to": ["+4930123456"], "bulk": NEWS}, "bulk", "not_supported"),
        ({"bulk": {"topic": "two words"}}, "bulk.topic", "invalid"),
        ({"bulk": {"topic": "x" * 51}}, "bulk.topic", None),
        ({"bulk": {"topic": ""}}, "bulk.topic", None),
        ({"bulk": {}}, "bulk.topic", "required"),
        ({"bulk": {"topic": "news", "list": "x"}}, "bulk.list", None),
        ({"bulk": NEWS, "cc": ["bob@example.com"]}, "cc", "not_supported"),
        ({"bulk": NEWS, "bcc": ["bob@example.com"]}, "bcc", "not_supported"),
    ],
)
def test_invalid_bulk_mail_is_refused_by_field(
    world: World, client: ApiClient, change: dict[str, Any], field: str, code: str | None
) -> None:
    body = {"channel": "email", "to": ["ada@example.com"], "text": "Hi"}
    if change.get("channel") != "sms":
        body["subject"] = "News"

    answer = client.post("/v1/messages", body | change)

    assert (answer.status, answer.code) == (400, "validation_failed"), answer
    [problem] = answer.json["error"]["fields"]
    assert problem["field"] == field
    assert code is None or problem["code"] == code
    with tenant_context(world.tenant()):
        assert not Message.objects.exists()


def test_database_restricts_topics_to_email_and_unsubscribes(
    world: World, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "ada@example.com")
    wrong = [{"origin": "unsubscribe", "topic": ""}, {"origin": "manual", "topic": "newsletter"}]

    for fields in wrong:
        with pytest.raises(IntegrityError), tenant_context(world.tenant()):
            Suppression.objects.create(channel="email", address="a@b.c", address_normalized="a@b.c", **fields)
    with pytest.raises(IntegrityError), tenant_context(world.tenant()):
        Message.objects.filter(id=message.id).update(channel="sms", topic="newsletter")


# --- what arrives ---------------------------------------------------------------------------------------------------------


def test_each_recipient_gets_their_own_signed_unsubscribe_link(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    queue(world.tenant(), "Ada <ada@example.com>", "bob@example.com", bulk=NEWS)
    deliver()
    with tenant_context(world.tenant()):
        record = key_record(DkimKey.objects.order_by("id").first().public_key).encode()
        records = {
            f"{key.selector}._domainkey.{key.domain.domain}.": key_record(key.public_key).encode()
            for key in DkimKey.objects.select_related("domain")
        }

    def txt(name: Any, timeout: int = 5) -> Any:
        return records.get(name.decode() if isinstance(name, bytes) else name)

    assert record in records.values()
    links = set()
    for address in ("ada@example.com", "bob@example.com"):
        [mail] = mailhost.to(address)
        assert mail.recipients == [address]
        assert [found.addr_spec for found in mail.message["To"].addresses] == [address]
        assert mail.message["List-Unsubscribe-Post"] == ONE_CLICK
        link = re.fullmatch(r"<(http://testserver/u/\S+)>", mail.message["List-Unsubscribe"])[1]
        links.add(link)
        signed = re.sub(r"\s", "", str(mail.message["DKIM-Signature"])).lower()
        assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(
            re.search(r";h=([^;]*)", signed)[1].split(":")
        )
        assert dkim.verify(mail.raw, dnsfunc=txt)
        for old, new in ((link.encode(), b"http://evil.example/u/x"), (b"One-Click", b"One-Clack")):
            assert old in mail.raw
            assert not dkim.verify(mail.raw.replace(old, new, 1), dnsfunc=txt)
    assert len(links) == 2


def test_transactional_mail_has_no_unsubscribe_headers_and_is_sent_once(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    queue(world.tenant(), "ada@example.com", "bob@example.com")
    deliver()

    [mail] = mailhost.received
    assert mail.recipients == ["ada@example.com", "bob@example.com"]
    assert mail.message["List-Unsubscribe"] is None
    assert mail.message["List-Unsubscribe-Post"] is None


def test_local_mailbox_gets_one_bulk_mail_per_recipient(
    world: World, queue: Callable[..., Message], settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "file"}
    queue(world.tenant(), "ada@example.com", "bob@example.com", bulk=NEWS)
    deliver()

    found = list_mailbox(world.tenant())

    assert sorted(mail.to for mail in found) == ["ada@example.com", "bob@example.com"]
    assert all("List-Unsubscribe: <http://testserver/u/" in mail.source for mail in found)


# --- one click ------------------------------------------------------------------------------------------------------------


def test_one_click_unsubscribe_stops_only_that_topic(
    world: World, client: ApiClient, stranger: Client, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    queue(world.tenant(), "Ada@example.com", bulk=NEWS)
    deliver()
    [mail] = mailhost.received
    link = urlsplit(str(mail.message["List-Unsubscribe"]).strip("<>")).path

    answer = stranger.post(link, ONE_CLICK, FORM)
    again = stranger.post(link, ONE_CLICK, FORM)

    assert (answer.status_code, again.status_code) == (200, 200)
    assert entries(world) == [("Ada@example.com", "unsubscribe", "newsletter")]
    [entry] = client.get("/v1/suppressions?topic=newsletter").json["data"]
    assert (entry["origin"], entry["topic"], entry["address"]) == (
        "unsubscribe",
        "newsletter",
        "Ada@example.com",
    )
    assert client.get("/v1/suppressions?topic=offers").json["data"] == []
    with tenant_context(world.tenant()):
        [written] = AuditEntry.objects.filter(action="suppression.created", target_id=entry["id"])
    assert written.actor_id == "messaging.unsubscribe"

    mailhost.received.clear()
    left = queue(world.tenant(), "ada@EXAMPLE.com", "bob@example.com", bulk=NEWS)
    offers = queue(world.tenant(), "ada@example.com", bulk={"topic": "offers"})
    receipt = queue(world.tenant(), "ada@example.com")
    elsewhere = queue(world.other_tenant(), "ada@example.com", bulk=NEWS)
    deliver()

    assert {address: row.status for address, row in look(left)[1].items()} == {
        "ada@example.com": "suppressed",
        "bob@example.com": "sent",
    }
    for message in (offers, receipt, elsewhere):
        [row] = look(message)[1].values()
        assert row.status == "sent"
    assert not [mail for mail in mailhost.of(left.public_id) if "bob@example.com" not in mail.recipients]


def test_suppression_without_a_topic_stops_everything(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    with tenant_context(world.tenant()):
        create_suppression(actor=SYSTEM, channel="email", address="ada@example.com")
    for bulk in (None, NEWS):
        queue(world.tenant(), "ada@example.com", bulk=bulk)
    deliver()

    assert mailhost.received == []


def test_unsubscribed_address_can_also_be_suppressed_manually_and_vice_versa(
    world: World, client: ApiClient, stranger: Client, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "ada@example.com", bulk=NEWS)
    link = link_of(message, "ada@example.com")

    stranger.post(link, ONE_CLICK, FORM)
    answer = client.post("/v1/suppressions", {"channel": "email", "address": "ada@example.com"})
    stranger.post(link, "action=undo", FORM)

    assert (answer.status, answer.json["topic"]) == (201, None)
    assert entries(world) == [("ada@example.com", "manual", "")]


# --- the page -------------------------------------------------------------------------------------------------------------


def test_unsubscribe_page_works_without_scripts_and_sign_in(
    world: World, stranger: Client, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "ada@example.com", bulk=NEWS)
    link = link_of(message, "ada@example.com")

    asked = stranger.get(link)
    assert asked.status_code == 200
    text = asked.content.decode()
    assert "Acme" in text
    assert "newsletter" in text
    assert "ada@example.com" not in text
    assert asked.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "no-store" in asked.headers["Cache-Control"]
    policy = asked.headers["Content-Security-Policy"]
    assert "default-src" in policy
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert entries(world) == []  # opening a link is not pressing the button

    done = stranger.post(link, {"action": "unsubscribe"}).content.decode()
    assert "You are unsubscribed" in done
    assert "You are unsubscribed" in stranger.get(link).content.decode()
    assert entries(world) == [("ada@example.com", "unsubscribe", "newsletter")]

    assert "You are subscribed again" in stranger.post(link, {"action": "undo"}).content.decode()
    assert entries(world) == []
    with tenant_context(world.tenant()):
        written = AuditEntry.objects.filter(action__startswith="suppression.").order_by("id")
        assert list(written.values_list("action", flat=True)) == [
            "suppression.created",
            "suppression.deleted",
        ]


def test_undo_removes_only_what_the_link_added(
    world: World, stranger: Client, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "ada@example.com", bulk=NEWS)
    with tenant_context(world.tenant()):
        create_suppression(actor=SYSTEM, channel="email", address="ada@example.com")

    assert stranger.post(link_of(message, "ada@example.com"), {"action": "undo"}).status_code == 200

    assert entries(world) == [("ada@example.com", "manual", "")]


def test_company_name_is_escaped_on_the_unsubscribe_page(
    world: World, stranger: Client, queue: Callable[..., Message]
) -> None:
    world.company.name = "<script>alert(1)</script>"
    with system_context(reason="tests"):
        world.company.save(update_fields=["name"])
    message = queue(world.tenant(), "ada@example.com", bulk=NEWS)

    text = stranger.get(link_of(message, "ada@example.com")).content.decode()

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


# --- invalid links ---------------------------------------------------------------------------------------------------------


def test_forged_unsubscribe_links_are_harmless(
    world: World, stranger: Client, queue: Callable[..., Message]
) -> None:
    bulk = queue(world.tenant(), "ada@example.com", bulk=NEWS)
    transactional = queue(world.tenant(), "ada@example.com")
    link = link_of(bulk, "ada@example.com")
    token = link.removeprefix("/u/")
    other = unsubscribe_link(uuid.uuid4()).rpartition("/")[2]
    hostile = [
        f"/u/{token[:-1]}{'A' if token[-1] != 'A' else 'B'}",
        f"/u/{token[:31]}{'0' if token[31] != '0' else '1'}{token[32:]}",
        f"/u/{other.partition('.')[0]}.{token.partition('.')[2]}",
        f"/u/{other}",
        f"/u/{Signer(salt='other', sep='.').sign(uuid.uuid4().hex)}",
        f"/u/{Signer(salt=SALT, sep='.').sign('no-uuid')}",
        f"/u/{token.upper()}",
        link_of(transactional, "ada@example.com"),
        *(
            f"/u/{text}"
            for text in ("x", ".", "%00", "%ff%fe", "a%00b", "x" * 5000, "%D9%A3", "..%2f..", "'--")
        ),
    ]

    for path in hostile:
        statuses = {stranger.get(path).status_code, stranger.post(path, ONE_CLICK, FORM).status_code}
        assert statuses <= {400, 404}, (path, statuses)
    assert stranger.post(link, b"\xff\xfe=\x00", FORM).status_code < 500
    assert stranger.put(link).status_code == 405
    with tenant_context(world.tenant()):
        assert not Suppression.objects.exclude(topic="newsletter").exists()


def test_unsubscribe_links_survive_a_secret_key_rotation_until_the_key_is_removed(settings: Any) -> None:
    who = uuid.uuid4()
    token = unsubscribe_link(who).rpartition("/")[2]
    former = settings.SECRET_KEY

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 60, [former]
    assert read_token(token) == who
    settings.SECRET_KEY_FALLBACKS = []
    assert read_token(token) is None


def test_unsubscribe_links_are_limited_per_address(
    world: World, stranger: Client, queue: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Per hour, so that no token is added in the meantime, however slow the machine.
    monkeypatch.setattr(clicks, "_limit", VisitLimit(RatePolicy("unsubscribe-tests", 5, window=3600)))
    link = link_of(queue(world.tenant(), "ada@example.com", bulk=NEWS), "ada@example.com")
    elsewhere = Client(REMOTE_ADDR=random_address())

    statuses = [stranger.get("/u/x").status_code for _ in range(5)]
    refused = stranger.post(link, ONE_CLICK, FORM)

    assert statuses == [404] * 5
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert elsewhere.get(link).status_code == 200
    assert entries(world) == []


# --- the company's pages --------------------------------------------------------------------------------------------------


def test_dashboard_sends_bulk_mail_and_lists_unsubscribes(world: World, stranger: Client) -> None:
    browser = sign_in(world.owner)
    fields = {"channel": "email", "to": "ada@example.com", "subject": "News", "text": "Hi"}
    refused = send_form(browser, "/messages/new/", {**fields, "topic": "two words"})
    sms = send_form(
        browser, "/messages/new/", {"channel": "sms", "to": "+4930123456", "text": "Hi", "topic": "x"}
    )
    sent = send_form(browser, "/messages/new/", {**fields, "topic": "newsletter"})

    assert (refused.status_code, sms.status_code, sent.status_code) == (400, 400, 302)
    assert "do not have this field" in sms.content.decode()
    assert "Bulk mail topic" in browser.get(sent.headers["Location"]).content.decode()
    with tenant_context(world.tenant()):
        recipient = Recipient.objects.get()
    stranger.post(urlsplit(unsubscribe_link(recipient.id)).path, ONE_CLICK, FORM)
    shown = browser.get("/messages/suppressions/?topic=newsletter").content.decode()
    assert "ada@example.com" in shown
    assert "unsubscribe" in shown
    assert "No addresses match" in browser.get("/messages/suppressions/?topic=offers").content.decode()
