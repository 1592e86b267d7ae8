"""The hot path takes no SQL query and one Valkey round trip for all checks together (docs/architecture.md, Keys)."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis.connection import AbstractConnection

from apikeys import grants
from apikeys.services import IssuedKey
from core.tenancy import system_context
from core.valkey import commands
from tests.clients import ApiClient
from tests.factories import World


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`with counting() as counts:` counts SQL statements and round trips to Valkey."""
    trips = Counter()
    own_thread = threading.get_ident()

    def counted(cls: Any, name: Any) -> None:
        original = getattr(cls, name)

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            # The request's own thread: the request log writes from a thread of its own, after the answer.
            if threading.get_ident() == own_thread:
                trips[name] += 1
            return original(self, *args, **kwargs)

        monkeypatch.setattr(cls, name, call)

    counted(AbstractConnection, "send_packed_command")

    @contextmanager
    def count() -> Iterator[Any]:
        counts = {}
        trips.clear()
        with CaptureQueriesContext(connection) as queries:
            yield counts
        # Django logs BEGIN and COMMIT of the request's transaction; psycopg sends neither before a first statement.
        statements = [query["sql"] for query in queries.captured_queries]
        counts["sql"] = sum(1 for sql in statements if sql not in ("BEGIN", "COMMIT"))
        counts["valkey"] = trips.total()

    return count


def test_repeated_request_does_no_sql_and_one_round_trip(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], counting: Any
) -> None:
    issued = issue_key(world.company, ["customers:read", "customers:write"], allowed_networks=["10.0.0.0/8"])
    client = api(issued.client_secret)
    assert client.get("/v1/whoami").status == 200
    for client_id in (None, issued.client_id):
        client.client_id = client_id
        with counting() as counts:
            answer = client.get("/v1/whoami")
        assert answer.status == 200
        assert counts == {"sql": 0, "valkey": 1}


def test_the_rate_limit_refusal_costs_one_round_trip_too(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], counting: Any
) -> None:
    issued = issue_key(world.company, rate_limit=1)
    client = api(issued.client_secret)
    assert client.get("/v1/whoami").status == 200
    with counting() as counts:
        answer = client.get("/v1/whoami")
    assert (answer.status, answer.code) == (429, "rate_limited")
    assert counts == {"sql": 0, "valkey": 1}


def test_missing_scope_is_refused_from_the_cache_and_costs_one_token(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company)
    client = api(issued.client_secret)
    first = client.get("/v1/whoami")
    refused = client.post("/v1/customers", {"name": "Ada"})
    assert refused.code == "insufficient_scope"
    assert int(refused.headers["X-RateLimit-Remaining"]) == int(first.headers["X-RateLimit-Remaining"]) - 1


def test_new_process_queries_postgresql_once_and_never_repeats_bcrypt(
    used_key: IssuedKey, api: Callable[..., ApiClient], counting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = api(used_key.client_secret)

    def no_bcrypt(*_args: Any) -> None:
        raise AssertionError("bcrypt ran for a secret that has matched before")

    monkeypatch.setattr("bcrypt.checkpw", no_bcrypt)
    monkeypatch.setattr("bcrypt.hashpw", no_bcrypt)
    # As in another process: Valkey has the grant, so PostgreSQL is not asked.
    with counting() as counts:
        assert client.get("/v1/whoami").status == 200
    assert counts["sql"] == 0
    # Valkey has lost everything: PostgreSQL decides, by the fingerprint alone.
    commands.client().flushall()
    grants.COPIES.clear()
    with counting() as counts:
        assert client.get("/v1/whoami").status == 200
    assert counts["sql"] > 0
    with counting() as counts:
        assert client.get("/v1/whoami").status == 200
    assert counts == {"sql": 0, "valkey": 1}


def test_cached_grant_is_reloaded_after_a_minute_whatever_valkey_says(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    counting: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issued = issue_key(world.company)
    client = api(issued.client_secret)
    assert client.get("/v1/whoami").status == 200
    # A change that told nobody: neither its version nor its fence was raised.
    with system_context(reason="tests"):
        type(issued.key).objects.filter(id=issued.key.id).update(scopes=["events:read"])
    assert client.get("/v1/whoami").json["scopes"] == ["customers:read"]
    real = grants.time.time
    monkeypatch.setattr("time.time", lambda: real() + grants.REPROVE_SECONDS + 1)
    assert client.get("/v1/whoami").json["scopes"] == ["events:read"]
