"""A receiver on loopback, which these tests allow like an operator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings

from tests.webhooks.receiver import Receiver


@pytest.fixture(autouse=True)
def _loopback_allowed() -> Iterator[None]:
    with override_settings(WEBHOOK_ALLOWED_NETWORKS=["127.0.0.0/8"]):
        yield


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web server that keeps what it receives and answers 200 until told otherwise."""
    with Receiver() as running:
        yield running
