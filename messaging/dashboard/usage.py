"""Today's use of the daily caps, as shown on pages."""

from typing import Any

from core import clock
from messaging.selectors.usage import usage_of_day
from messaging.services.spend_caps import spend_on


def show_usage() -> dict[str, Any]:
    """Return the context of `messaging/usage.html`."""
    today = clock.now().date()
    return {"usage": usage_of_day(today), "spend": spend_on(today)}
