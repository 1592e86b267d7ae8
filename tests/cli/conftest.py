"""A live server, and a receiver on loopback, as integrators have them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import WebProcess, web_process
from tests.webhooks.receiver import Receiver


@pytest.fixture(scope="module")
def web() -> Iterator[WebProcess]:
    with web_process(workers=1, threads=4, is_forked=True) as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
