"""Message pages: compose, detail, cancel, suppress, statistics, the local mailbox; and permissions."""

import datetime as dt
import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts.roles import Role
from core import clock
from core.models import OutboxEvent
from core.tenancy import tenant_context
from messaging.dashboard.forms import PERIODS
from messaging.models import DailyUsage, Message, Suppression
from messaging.services import create_suppression, fold_statistics
from tests.clients import form_token, send_form, sign_in, token_in
from tests.factories import SYSTEM, World, join, make_customer, make_user
from tests.messaging.conftest import deliver, look
from tests.messaging.smtp import Mailhost

COMPOSED = {"channel": "email", "to": "ada@example.com", "subject": "Spring & <news>", "text": "Hi Ada"}


def page(browser: Any, path: Any, status: int = 200) -> Any:
    answer = browser.get(path)
    assert answer.status_code == status, answer.content[:500]
    return html.unescape(answer.content.decode())


@pytest.fixture
def files(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "file"}
    return tmp_path


def test_message_written_on_the_dashboard_reaches_the_local_mailbox(world: World, files: Path) -> None:
    browser = sign_in(world.teammate)

    sent = send_form(
        browser,
        "/messages/new/",
        {
            **COMPOSED,
            "to": "Ada <ada@example.com>, bob@example.com\ncarol@example.com",
            "html": "<b>Hi</b><script>alert(1)</script>",
            "tags": "spring welcome",
        },
    )
    deliver()

    with tenant_context(world.tenant()):
        message = Message.objects.get()
    assert sent.headers["Location"] == f"/messages/{message.public_id}/"
    assert message.tags == ["spring", "welcome"]
    shown = page(browser, sent.headers["Location"])
    assert "Spring & <news>" in shown
    assert shown.count("Queued") >= 3
    assert "Sent" in shown
    assert "<script>alert(1)</script>" not in browser.get(sent.headers["Location"]).content.decode()
    assert "Spring & <news>" in page(browser, "/messages/mailbox/")
    mail = page(browser, f"/messages/mailbox/{message.public_id}.eml/")
    assert "Ada <ada@example.com>, bob@example.com, carol@example.com" in mail
    assert "ada@example.com and 2 more" in page(browser, "/messages/?tag=spring")


def test_sms_reaches_the_local_mailbox_too(world: World, files: Path, queue: Callable[..., Message]) -> None:
    message = queue(world.tenant(), "+4930123456", channel="sms", subject="", text="Grüße", sender="Acme")
    deliver()
    browser = sign_in(world.owner)

    assert "Grüße" in page(browser, "/messages/mailbox/")
    assert "+4930123456" in page(browser, f"/messages/mailbox/{message.public_id}.4930123456.txt/")


@pytest.mark.parametrize(
    "name",
    ["..", "%2e%2e%2fsecrets.env", "secrets.env", "msg_x.eml", "msg_01h455vb4pex5vsknk084sn02q.eml"],
)
def test_local_mailbox_serves_only_its_own_messages(world: World, files: Path, name: str) -> None:
    (files / "outbox").mkdir()
    (files / "secrets.env").write_text("SECRET=1")

    assert sign_in(world.owner).get(f"/messages/mailbox/{name}/").status_code in (404, 302)


def test_another_companys_mailbox_is_not_shown(
    world: World, files: Path, queue: Callable[..., Message]
) -> None:
    message = queue(world.other_tenant(), "eve@example.com", subject="Private")
    deliver()
    browser = sign_in(world.owner)

    assert "Private" not in page(browser, "/messages/mailbox/")
    page(browser, f"/messages/mailbox/{message.public_id}.eml/", 404)
    page(browser, f"/messages/{message.public_id}/", 404)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"to": "ada@example.com, nobody"}, "Address 2: This is not an email address."),
        ({"to": ""}, "Name at least one recipient"),
        ({"subject": ""}, "An email needs a subject."),
        ({"text": ""}, "Send <code>text</code>, <code>html</code> or both."),
        ({"tags": "bad<tag>"}, "Use up to 10 words"),
        ({"send_at": "2001-01-01T00:00"}, "This time is in the past."),
        ({"customer": "cus_nope"}, "There is no such customer."),
        ({"sender": "nobody"}, "This is not an email address."),
        ({"channel": "pigeon"}, "Select a valid choice"),
    ],
)
def test_refusals_are_shown_on_their_fields_and_nothing_is_queued(
    world: World, change: dict[str, Any], words: str
) -> None:
    browser = sign_in(world.teammate)

    answer = send_form(browser, "/messages/new/", COMPOSED | change)

    assert answer.status_code == 400
    assert words in html.unescape(answer.content.decode())
    with tenant_context(world.tenant()):
        assert not Message.objects.exists()


def test_used_up_cap_is_shown_on_the_form(world: World) -> None:
    from tests.messaging.test_caps import override

    override(world.company, email_per_day=0)
    answer = send_form(sign_in(world.teammate), "/messages/new/", COMPOSED)

    assert answer.status_code == 400
    assert "0 are left" in answer.content.decode()
    with tenant_context(world.tenant()):
        assert not Message.objects.exists()
        assert not OutboxEvent.objects.filter(type="message.queued").exists()


def test_message_form_submitted_twice_is_queued_once(world: World) -> None:
    browser = sign_in(world.teammate)
    sent = {**COMPOSED, **form_token(browser, "/messages/new/")}

    first, second = browser.post("/messages/new/", sent), browser.post("/messages/new/", sent)

    with tenant_context(world.tenant()):
        message = Message.objects.get()
        assert OutboxEvent.objects.filter(type="message.queued").count() == 1
        assert DailyUsage.objects.get().recipients == 1
    assert (first.status_code, second.status_code) == (302, 302)
    assert first.headers["Location"] == second.headers["Location"] == f"/messages/{message.public_id}/"
    assert "no second message was created" in page(browser, second.headers["Location"])


def test_new_form_is_a_new_message(world: World) -> None:
    browser = sign_in(world.teammate)

    for _ in range(2):
        assert send_form(browser, "/messages/new/", COMPOSED).status_code == 302

    with tenant_context(world.tenant()):
        assert Message.objects.count() == 2


@pytest.mark.parametrize("token", [{}, {"form_token": "guess"}])
def test_form_without_its_token_queues_nothing(world: World, token: dict[str, Any]) -> None:
    answer = sign_in(world.teammate).post("/messages/new/", {**COMPOSED, **token})

    assert answer.status_code == 400
    assert "Please submit it again." in answer.content.decode()
    with tenant_context(world.tenant()):
        assert not Message.objects.exists()


def test_changing_the_text_after_going_back_asks_for_confirmation(world: World) -> None:
    browser = sign_in(world.teammate)
    sent = {**COMPOSED, **form_token(browser, "/messages/new/")}
    browser.post("/messages/new/", sent)
    changed = {**sent, "text": "Hi again"}

    asked = browser.post("/messages/new/", changed)

    assert asked.status_code == 400
    assert "This form was already submitted with other values" in asked.content.decode()
    with tenant_context(world.tenant()):
        assert Message.objects.get().text == "Hi Ada"

    assert browser.post("/messages/new/", {**changed, **token_in(asked)}).status_code == 302
    with tenant_context(world.tenant()):
        assert {row.text for row in Message.objects.all()} == {"Hi Ada", "Hi again"}


def test_corrected_message_keeps_its_token_and_is_queued_once(world: World) -> None:
    browser = sign_in(world.teammate)
    sent = {**COMPOSED, **form_token(browser, "/messages/new/")}

    refused = browser.post("/messages/new/", {**sent, "to": "nobody"})

    assert refused.status_code == 400
    assert token_in(refused) == {"form_token": sent["form_token"]}
    assert browser.post("/messages/new/", sent).status_code == 302
    assert browser.post("/messages/new/", sent).status_code == 302
    with tenant_context(world.tenant()):
        assert Message.objects.count() == 1


def test_scheduled_message_is_canceled_from_its_page(world: World, queue: Callable[..., Message]) -> None:
    message = queue(world.tenant(), "ada@example.com", send_at=clock.now() + dt.timedelta(hours=1))
    browser = sign_in(world.teammate)
    assert "Cancel message" in page(browser, f"/messages/{message.public_id}/")

    browser.post(f"/messages/{message.public_id}/cancel/")
    again = browser.post(f"/messages/{message.public_id}/cancel/", follow=True)

    assert look(message)[0].status == "canceled"
    assert "The message is canceled." in again.content.decode()
    assert "Cancel message" not in page(browser, f"/messages/{message.public_id}/")


def test_suppression_list_can_be_edited_on_the_page(world: World) -> None:
    browser = sign_in(world.teammate)

    browser.post(
        "/messages/suppressions/add/", {"channel": "email", "address": "Ada@Example.com", "note": "asked"}
    )
    twice = browser.post("/messages/suppressions/add/", {"channel": "email", "address": "ada@example.com"})
    wrong = browser.post("/messages/suppressions/add/", {"channel": "sms", "address": "ada@example.com"})

    assert "has been suppressed since" in twice.content.decode()
    assert wrong.status_code == 400
    with tenant_context(world.tenant()):
        row = Suppression.objects.get()
    shown = page(browser, "/messages/suppressions/?address=ADA@example.com")
    assert "Ada@example.com" in shown
    assert "asked" in shown
    assert "No addresses match" in page(browser, "/messages/suppressions/?origin=bounce")
    assert "Send to this address again?" in page(browser, f"/messages/suppressions/{row.public_id}/remove/")
    browser.post(f"/messages/suppressions/{row.public_id}/remove/")
    with tenant_context(world.tenant()):
        assert not Suppression.objects.exists()


def test_statistics_match_the_api(world: World, mailhost: Mailhost, queue: Callable[..., Message]) -> None:
    queue(world.tenant(), "ada@example.com", "unknown@example.com", tags=["spring"])
    deliver()
    fold_statistics()
    browser = sign_in(world.owner)

    for period in ("24h", "7d", "30d", "90d", "nonsense"):
        shown = page(browser, f"/messages/statistics/?period={period}")
        assert "50.0%" in shown
        assert "spring" in shown
    assert "Show as table" in shown


def test_day_without_sends_has_no_time_until_sent(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    queue(world.tenant(), "ada@example.com")
    deliver()
    fold_statistics()

    shown = page(sign_in(world.owner), "/messages/statistics/?period=7d")
    table = shown.partition('aria-label="Time until sent, as a table"')[2].partition("</table>")[0]
    medians = [row.partition("</td>")[0] for row in table.split('<td class="num">')[1::2]]

    assert len(medians) in (7, 8)
    assert sum(text != "–" for text in medians) == 1


@pytest.mark.parametrize(("query", "chosen"), [("", "7d"), ("?period=30d", "30d"), ("?tag=news", "7d")])
def test_statistics_show_their_period(world: World, query: str, chosen: str) -> None:
    shown = page(sign_in(world.owner), f"/messages/statistics/{query}")

    assert f'<option value="{chosen}" selected>' in shown
    assert f"Recipients in the last {PERIODS[chosen]}" in shown


def test_use_against_the_caps_is_shown_as_bars(world: World, queue: Callable[..., Message]) -> None:
    queue(world.tenant(), "ada@example.com", "bob@example.com")

    shown = page(sign_in(world.owner), "/messages/")

    assert "2 of 200 recipients (1%)" in shown
    assert "0 of 50 recipients (0%)" in shown


def test_viewers_have_read_only_access(world: World, queue: Callable[..., Message]) -> None:
    viewer = make_user("viewer")
    join(world.company, viewer, Role.VIEWER)
    message = queue(world.tenant(), "ada@example.com", send_at=clock.now() + dt.timedelta(hours=1))
    with tenant_context(world.tenant()):
        entry = create_suppression(actor=SYSTEM, channel="email", address="x@example.com")
    browser = sign_in(viewer)

    for path in ("/messages/", f"/messages/{message.public_id}/", "/messages/suppressions/", "/messages/statistics/", "/messages/mailbox/"):  # fmt: skip
        assert "Write a message</a>" not in page(browser, path)
    assert browser.get("/messages/new/").status_code == 403
    for path in ("new/", f"{message.public_id}/cancel/", "suppressions/add/", f"suppressions/{entry.public_id}/remove/"):  # fmt: skip
        assert browser.post(f"/messages/{path}", COMPOSED).status_code == 403
    assert look(message)[0].status == "scheduled"
    with tenant_context(world.tenant()):
        assert Suppression.objects.count() == 1


def test_anonymous_visitors_are_sent_to_the_sign_in_page(client: Any, world: World) -> None:
    for path in ("/messages/", "/messages/new/", "/messages/suppressions/", "/messages/mailbox/"):
        assert client.get(path).headers["Location"].startswith("/accounts/login/")


def test_message_can_be_addressed_to_a_customer_id(world: World, files: Path) -> None:
    customer = make_customer(world.tenant(), email="ada@example.com")

    fields = COMPOSED | {"to": "", "customer": customer.public_id}
    send_form(sign_in(world.teammate), "/messages/new/", fields)

    with tenant_context(world.tenant()):
        message = Message.objects.get()
    assert look(message)[1].keys() == {"ada@example.com"}
    assert customer.name in page(sign_in(world.owner), f"/messages/{message.public_id}/")
