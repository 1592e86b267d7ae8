"""Another channel is one new file in `messaging/channels`: found, counted, sent and suppressed like the others."""

import datetime as dt

import pytest

from core import clock
from core.tenancy import tenant_context
from messaging import channels as package
from messaging.channels import channels
from messaging.providers.file import mailbox_folder
from messaging.selectors.usage import usage_of_day
from messaging.services import create_message, create_suppression
from messaging.services.caps import DailyCapExceeded
from tests.factories import SYSTEM
from tests.messaging.conftest import deliver, look

SOURCE = """
from messaging.channels.base import Address, Checked, InvalidAddress

class Pager:
    name, label, scope, together = "pager", "Pager", "pager:send", False

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
