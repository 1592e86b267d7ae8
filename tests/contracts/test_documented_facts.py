"""Numbers and names that the documentation repeats are those of the code."""

from datetime import timedelta

import pytest
from django.core.management import call_command

import billing.retry
import messaging.retry
import webhooks.retry
from core.background.retry import RetryClock
from core.models import IDEMPOTENCY_HOURS
from tests.engines import ROOT

_UNITS = (("h", timedelta(hours=1)), ("min", timedelta(minutes=1)), ("s", timedelta(seconds=1)))


def waits_in_words(clock: RetryClock) -> str:
    """Return the waits of `clock` as the documentation writes them: "2 s, 5 min and 1 h"."""
    *most, last = (
        next(f"{wait // unit} {name}" for name, unit in _UNITS if wait >= unit and not wait % unit)
        for wait in clock.waits
    )
    return f"{', '.join(most)} and {last}"


@pytest.mark.parametrize(
    ("page", "clock"),
    [
        ("webhooks.md", webhooks.retry.CLOCK),
        ("messaging.md", messaging.retry.CLOCK),
        ("billing.md", billing.retry.CLOCK),
    ],
    ids=["webhooks", "messaging", "billing"],
)
def test_documentation_says_the_schedule_once(page: str, clock: RetryClock) -> None:
    text = " ".join((ROOT / "docs" / page).read_text().split())

    assert text.count(f"after {waits_in_words(clock)}") == 1


def test_documentation_says_how_long_deliveries_are_retried() -> None:
    clock = webhooks.retry.CLOCK
    text = (ROOT / "docs" / "webhooks.md").read_text()

    assert f"{clock.attempts} attempts over {clock.duration_in_words}: at once" in text


def test_documentation_says_how_long_idempotency_keys_live() -> None:
    assert f"Responses are kept for {IDEMPOTENCY_HOURS}," in (ROOT / "docs" / "idempotency.md").read_text()


def test_documentation_lists_every_scope() -> None:
    call_command("generate_scope_docs", check=True)
