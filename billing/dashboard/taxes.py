"""The taxes of an invoice or a credit note as its pages show them."""

from collections.abc import Sequence
from typing import Any

from billing.dashboard.forms.base import percent_text


def with_percent(breakdown: Sequence[dict[str, int]]) -> list[dict[str, Any]]:
    """Return the taxes by rate, each with its rate as a percentage in the page's number format."""
    return [{**each, "percent": percent_text(each["tax_rate_bps"])} for each in breakdown]
