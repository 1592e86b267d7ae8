"""The processes that tests fork (tests.forked) share nothing with each other, and have the settings of the test."""

import os
import random
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections

from core.security.crypto import derived_key
from core.values import ids
from tests.engines import cloned_database
from tests.forked import Connection, Forked, call_with


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


def described_settings() -> Any:
    """Return where a process works, and with what."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        [database] = cursor.fetchone()
    return database, settings.WEBHOOK_ALLOWED_NETWORKS, derived_key("test")


def test_process_with_an_environment_of_its_own_has_its_settings_and_servers() -> None:
    ours = described_settings()
    with cloned_database() as addresses:
        changed = {"WEBHOOK_ALLOWED_NETWORKS": "192.0.2.0/24", "API_KEY_PEPPERS": f"1:{'6f' * 32}"}
        database, networks, key = call_with(os.environ | addresses | changed, described_settings)
        assert f"/{database}?" in addresses["DATABASE_URL"]
    assert (networks, database != ours[0], key != ours[2]) == (["192.0.2.0/24"], True, True)
    assert call_with(os.environ, described_settings) == ours


def test_what_a_called_process_raises_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="RuntimeError: refused"):
        call_with(os.environ, refuse)
    with pytest.raises(AssertionError, match="have the installed apps of the test"):
        call_with(os.environ | {"EXTENSIONS": ""}, described_settings)


def refuse() -> None:
    raise RuntimeError("refused")
