"""The processes that tests fork (tests.forked) share nothing with each other, and have the settings of the test."""

import os
import random
from typing import Any

import pytest
from django.db import connections

from core.values import ids
from tests.forked import Connection, Forked


def describe(connection: Connection) -> None:
    """Send what a process could have inherited."""
    opened = [one.connection is not None for one in connections.all(initialized_only=True)]
    connection.send((os.environ["DATABASE_URL"], any(opened), random.random(), str(ids.new_id())))


def described() -> Any:
    """Return what a new process describes."""
    process = Forked(describe)
    found = process.receive()
    assert process.join() == 0
    return found


def test_forked_processes_use_the_servers_of_the_test_and_share_nothing() -> None:
    (url, is_connected, number, new_id), (_, _, other_number, other_id) = described(), described()
    assert url == os.environ["DATABASE_URL"]
    assert not is_connected
    assert number != other_number
    assert new_id[-12:] != other_id[-12:]


def test_processes_for_another_environment_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would silently have the settings of the first one."""
    described()
    monkeypatch.setenv("WEBHOOK_ALLOWED_NETWORKS", "192.0.2.0/24")
    with pytest.raises(AssertionError, match="other values of WEBHOOK_ALLOWED_NETWORKS"):
        Forked(describe)
