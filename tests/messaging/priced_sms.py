"""SMS whose provider says later what each has cost: a stand-in for Twilio, and what the tests of prices and of the spend cap ask."""

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from core import clock
from core.tenancy import system_context, tenant_context
from messaging.models import Message, SmsPrice, SmsSpend
from messaging.services import create_message, fetch_due_prices
from tests.factories import SYSTEM
from tests.messaging.standins import StandIn, stand_in, twilio_api

# The vendor's data of a Message, by the number it was sent to: (price, price_unit), or a complete response.
Priced = dict[str, Any]


@pytest.fixture
def priced() -> Priced:
    """What `vendor` says, by number: nothing yet."""
    return {}


@pytest.fixture
def vendor(settings: Any, priced: Priced) -> Iterator[StandIn]:
    """Twilio's server: accepts SMS, and reports the price in `priced` for its number; before that, null like the real one."""
    sids: dict[str, str] = {}

    def answer(path: str, fields: dict[str, Any]) -> Any:
        if path.endswith("/Messages.json"):
            status, sent = twilio_api(path, fields)
            if isinstance(sent, dict) and "sid" in sent:
                sent["sid"] = f"SM{len(sids):032x}"
                sids[sent["sid"]] = fields["To"]
            return status, sent
        sid = re.search(r"/Messages/(SM[0-9a-f]{32})\.json", path)[1]  # type: ignore[index]
        found = priced.get(sids[sid], (None, "USD"))
        if isinstance(found, bytes):
            return 200, found
        if isinstance(found, int):
            return found, {"code": 20000 + found, "message": "not now", "status": found}
        return 200, {"sid": sid, "price": found[0], "price_unit": found[1], "num_segments": "1"}

    with stand_in(answer) as server:
        settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "twilio"}
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC" + "0" * 32, "stand-in-token"
        settings.TWILIO_API_URL = server.url
        settings.SMS_PRICE_ESTIMATE = Decimal("0.10")
        yield server


def send(tenant: Any, *numbers: str, text: str = "Hi", **fields: Any) -> Message:
    """Accept an SMS to these numbers."""
    with tenant_context(tenant):
        return create_message(actor=SYSTEM, channel="sms", to=numbers, text=text, **fields).message


def spent(tenant: Any) -> Decimal:
    """Return what counts as the cost of all SMS of a tenant."""
    with tenant_context(tenant):
        return sum(SmsSpend.objects.values_list("amount", flat=True), Decimal(0))


def costs(tenant: Any) -> dict[str, tuple[str, Decimal | None, str]]:
    """Return the state, the price and the problem of each SMS, by number."""
    with tenant_context(tenant):
        rows = SmsPrice.objects.select_related("recipient")
        return {row.recipient.address: (row.state, row.price, row.problem) for row in rows}


def ask_now(tenant: Any) -> int:
    """Advance to the next price query of a tenant's SMS, and run it; those of other tests wait."""
    now = clock.now()
    with system_context(reason="tests"):
        waiting = SmsPrice.objects.filter(ask_at__isnull=False)
        waiting.exclude(company_id=tenant.company_id).update(ask_at=now + dt.timedelta(days=9))
        waiting.filter(company_id=tenant.company_id).update(ask_at=now)
    return fetch_due_prices()
