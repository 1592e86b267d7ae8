"""Fixtures for all billing tests."""

import pytest

from tests.billing.factories import set_aside_due_payments


@pytest.fixture(autouse=True)
def _only_what_is_due_here() -> None:
    """Keep the completer from finding payments that another test left pending in the same database."""
    set_aside_due_payments()
