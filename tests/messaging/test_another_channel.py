"""Another channel is one new file in `messaging/channels`: found, counted, sent and suppressed like the others."""

import datetime as dt
import re

import pytest
from allauth.mfa.models import Authenticator

from core import clock
from core.tenancy import tenant_context
from messaging import channels as package
from messaging.channels import channels
from messaging.providers.file import mailbox_folder
from messaging.selectors.usage import usage_of_day
from messaging.services import create_message, create_suppression
from messaging.services.caps import DailyCapExceeded
from tests.clients import sign_in
from tests.factories import SYSTEM, make_user
from tests.messaging.conftest import deliver, look

SOURCE = """
from messaging.channels.base import Address, Checked, InvalidAddress

class Pager:
    name, label, scope, together = "pager", "Pager call", "pager:send", False
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
def pager(tmp_path, monkeypatch, settings):
    """The channel `pager`, for as long as the test runs."""
    settings.DATA_DIR = tmp_path / "data"
    folder = tmp_path / "channels"
    folder.mkdir()
    (folder / "pager.py").write_text(SOURCE)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    channels.cache_clear()
    yield
    channels.cache_clear()


def test_it_is_sent_counted_and_suppressed(world, pager):
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


def test_every_page_spells_it_the_same_way(world, pager):
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


def test_the_staff_site_spells_it_the_same_way(world, pager):
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


def _spellings(answer):
    """Return how a page that is shown writes the channel; what its forms send and its sources say is no spelling."""
    assert answer.status_code == 200
    text = re.sub(r"<pre.*?</pre>|<textarea.*?</textarea>", "", answer.content.decode(), flags=re.DOTALL)
    words = re.sub(r"<[^>]+>", " ", text)
    return {found.strip() for found in re.findall(r"(?i)pager(?: call)?", words)}
