"""A channel is one new file in `messaging/channels`: discovered, counted, sent and suppressed like the others."""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator

from apikeys.services import IssuedKey
from core import clock
from core.tenancy import tenant_context
from messaging import channels as package
from messaging.channels import channels
from messaging.models import DailyUsage, Message
from messaging.providers.file import mailbox_folder
from messaging.retry import CLOCK
from messaging.selectors.usage import usage_of_day
from messaging.services import create_message, create_suppression
from messaging.services.caps import DailyCapExceeded
from tests.clients import ApiClient, sign_in
from tests.factories import SYSTEM, World, make_user
from tests.messaging.conftest import deliver, look, make_due, time_line

pytestmark = pytest.mark.usefixtures("template_contexts")

SOURCE = """
from messaging.channels.base import Address, Checked, InvalidAddress

class Pager:
    name, label, scope, together = "pager", "Pager call", "pager:send", False
    senders = "operator"
    address_schema, message_schema, unknown_parts = {"pattern": "^[0-9]+$"}, {}, ("subject", "html")

    def parse(self, text):
        if not text.isdigit():
            raise InvalidAddress("invalid_pager", "A pager has a number.")
        return Address(address=text, normalized=text)

    def check(self, content):
        return Checked(sender="Acme")

    def customer_address(self, customer):
        return ""

    def daily_cap(self, limits):
        return 3

    def magic_outcome(self, normalized):
        return None

CHANNEL = Pager()
"""


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """The channel `pager`, for the duration of the test."""
    settings.DATA_DIR = tmp_path / "data"
    folder = tmp_path / "channels"
    folder.mkdir()
    (folder / "pager.py").write_text(SOURCE)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    channels.cache_clear()
    yield
    channels.cache_clear()


@pytest.fixture
def remove_pager(pager: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`remove_pager()` removes the channel from this installation, as deleting its file would."""

    def remove() -> None:
        monkeypatch.setattr(package, "__path__", package.__path__[:-1])
        channels.cache_clear()

    return remove


@pytest.fixture
def page_somebody(world: World, pager: None) -> Any:
    """`page_somebody("11111", …)` queues a message on the channel `pager`."""

    def queue_one(*to: Any, **fields: Any) -> Any:
        with tenant_context(world.tenant()):
            return create_message(actor=SYSTEM, channel="pager", to=to, text="Call back", **fields).message

    return queue_one


def test_message_of_an_added_channel_is_sent_counted_and_suppressed(world: World, pager: None) -> None:
    with tenant_context(world.tenant()):
        create_suppression(actor=SYSTEM, channel="pager", address="22222")
        message = create_message(
            actor=SYSTEM, channel="pager", to=["11111", "22222"], text="Call back"
        ).message
    with pytest.raises(DailyCapExceeded), tenant_context(world.tenant()):
        create_message(actor=SYSTEM, channel="pager", to=["33333", "44444"], text="Call back")
    with tenant_context(world.tenant()):
        [usage] = [each for each in usage_of_day(clock.now().date()) if each.channel == "pager"]

    deliver()

    assert {a: r.status for a, r in look(message)[1].items()} == {"11111": "sent", "22222": "suppressed"}
    assert (usage.used, usage.cap, usage.policy) == (2, 3, "pager-day")
    assert usage.day in (clock.now().date(), clock.now().date() - dt.timedelta(days=1))
    [file] = mailbox_folder(world.tenant()).iterdir()
    assert file.name == f"{message.public_id}.11111.txt"


def test_pages_label_the_added_channel_consistently(world: World, pager: None) -> None:
    with tenant_context(world.tenant()):
        create_suppression(actor=SYSTEM, channel="pager", address="22222")
        message = create_message(actor=SYSTEM, channel="pager", to=["11111"], text="Call back").message
    deliver()
    owner = sign_in(world.owner)
    pages = (
        "/messages/",
        f"/messages/{message.public_id}/",
        "/messages/new/",
        "/messages/suppressions/",
        "/messages/statistics/",
        "/messages/mailbox/",
        f"/messages/mailbox/{message.public_id}.11111.txt/",
        "/plan/",
    )

    spellings = {path: _spellings(owner.get(path)) for path in pages}

    assert spellings == {path: {"Pager call"} for path in pages}


def test_staff_site_labels_the_added_channel_consistently(world: World, pager: None) -> None:
    with tenant_context(world.tenant()):
        create_suppression(actor=SYSTEM, channel="pager", address="22222")
        create_message(actor=SYSTEM, channel="pager", to=["11111"], text="Call back")
    deliver()
    staff = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    browser = sign_in(staff)

    for table in ("message", "suppression", "dailyusage"):
        shown = browser.get(f"/staff/messaging/{table}/?channel=pager&q={world.company.name}")
        none = browser.get(f"/staff/messaging/{table}/?channel=sms&q={world.company.name}")
        assert _spellings(shown) == {"Pager call"}, table
        assert shown.context["cl"].result_count >= 1
        assert all(row.channel == "sms" for row in none.context["cl"].result_list)


def _spellings(answer: Any) -> Any:
    """Return how a page's visible text writes the channel; form values and URLs do not count."""
    assert answer.status_code == 200
    text = re.sub(r"<pre.*?</pre>|<textarea.*?</textarea>", "", answer.content.decode(), flags=re.DOTALL)
    words = re.sub(r"<[^>]+>", " ", text)
    return {found.strip() for found in re.findall(r"(?i)pager(?: call)?", words)}


def test_messages_of_a_removed_channel_are_held_and_block_nobody(
    world: World,
    queue: Callable[..., Message],
    page_somebody: Any,
    remove_pager: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = queue(world.tenant(), "ada@example.com")
    lost = [page_somebody("11111"), page_somebody("22222")]
    after = [queue(world.tenant(), "bob@example.com"), queue(world.other_tenant(), "eve@example.com")]
    remove_pager()

    deliver()

    assert [look(message)[0].status for message in (before, *after)] == ["sent"] * 3
    for message, address in zip(lost, ("11111", "22222"), strict=True):
        row, recipients = look(message)
        assert (row.status, recipients[address].status, row.deferrals) == ("sending", "queued", 1)
        assert dt.timedelta(seconds=25) < row.due_at - clock.now() <= dt.timedelta(seconds=33)
        assert time_line(message, address) == [("deferred", "unknown_channel")]
    logs = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    found = [entry for entry in logs if entry["event"] == "messaging.unknown_channel"]
    assert [(entry["channel"], entry["level"]) for entry in found] == [("pager", "error")]
    shown = sign_in(world.owner).get(f"/messages/{lost[0].public_id}/").content.decode()
    assert "The channel pager is not set up here." in shown


def test_held_messages_are_sent_when_the_channel_returns(
    world: World, page_somebody: Any, remove_pager: Any, pager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = page_somebody("11111")
    with_pager = package.__path__
    remove_pager()
    deliver()
    monkeypatch.setattr(package, "__path__", with_pager)
    channels.cache_clear()

    make_due(message)
    deliver()

    assert look(message)[0].status == "sent"
    assert time_line(message, "11111") == [("deferred", "unknown_channel"), ("sent", "")]


def test_held_messages_fail_with_a_reason_if_the_channel_stays_removed(
    world: World, page_somebody: Any, remove_pager: Any
) -> None:
    with tenant_context(world.tenant()):
        create_suppression(actor=SYSTEM, channel="pager", address="22222")
    message = page_somebody("11111", "22222")
    remove_pager()

    for _ in range(CLOCK.attempts):
        make_due(message)
        deliver()

    row, recipients = look(message)
    failed = recipients["11111"]
    assert (row.status, row.due_at) == ("failed", None)
    assert (failed.status, failed.error_code) == ("failed", "retries_exhausted")
    assert failed.error_message == "The channel pager is not set up here."
    assert recipients["22222"].status == "suppressed"


def test_held_messages_can_be_canceled_by_a_key_for_every_channel(
    world: World,
    page_somebody: Any,
    remove_pager: Any,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
) -> None:
    tomorrow = clock.now() + dt.timedelta(days=1)
    message = page_somebody("11111", send_at=tomorrow)
    key = issue_key(world.company, scopes=["messaging:send"])
    email_key = issue_key(world.company, scopes=["email:send"])
    remove_pager()

    refused = api(email_key.client_secret).post(f"/v1/messages/{message.public_id}/cancel")
    canceled = api(key.client_secret).post(f"/v1/messages/{message.public_id}/cancel")

    assert (refused.status, refused.code) == (403, "insufficient_scope")
    assert (canceled.status, canceled.json["status"]) == (200, "canceled")
    with tenant_context(world.tenant()):
        assert DailyUsage.objects.get(channel="pager").recipients == 0
