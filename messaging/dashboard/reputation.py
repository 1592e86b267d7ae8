"""The email reputation as shown on pages."""

from typing import Any

from messaging.models import Reputation


def show_reputation() -> dict[str, Any]:
    """Return the context of `messaging/reputation.html`."""
    row = Reputation.objects.first()
    if row is None:
        return {"reputation": None}
    return {"reputation": row, "bounces": f"{row.bounce_rate:.1%}", "complaints": f"{row.complaint_rate:.2%}"}
