"""Every form of VALKEY_URL and of the broker's URL is parsed, connected to, and verified."""

import contextlib
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme
from django.core.cache import cache
from django.test import Client
from kombu import Connection
from kombu.exceptions import OperationalError

from apikeys import grants
from apikeys.services import IssuedKey
from core.operations.health import check_readiness
from core.valkey import commands
from core.valkey.commands import Script, ValkeyUnavailable
from core.valkey.urls import (
    BadUrl,
    celery_options,
    check_url,
    is_cluster,
    normalise_url,
    parse_nodes,
)
from tests.clients import ApiClient
from tests.core.test_valkey_cluster import cluster_url, on_cluster  # noqa: F401 - fixtures
from tests.core.valkey_servers import TlsDoor, Watched, free_port, sentinel, wait_for_server
from tests.engines import ROOT, private_valkey
from tests.factories import PASSWORD, World


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with sentinel(tmp_path) as started:
        yield started


def put_and_get(url: str, *, tries: int = 1) -> object:
    """Send a message through the broker, with what Celery is told about it; return it. Raises kombu's OperationalError."""
    spelled, tls, more = celery_options(url)
    options = {"socket_timeout": 5, "socket_connect_timeout": 1, **more}
    with Connection(spelled, ssl=tls, transport_options=options) as broker:
        broker.ensure_connection(max_retries=tries, interval_start=0, interval_step=0.1, interval_max=0.5)
        queue = broker.SimpleQueue("topologies")
        queue.put({"hint": 1})
        message = queue.get(timeout=5)
        message.ack()
        queue.close()
    return message.payload


@pytest.mark.usefixtures("on_cluster")
def test_cluster_supports_sign_in_caching_and_readiness(world: World) -> None:
    cache.set_many({f"of {n}": n for n in range(20)})

    assert cache.get_many([f"of {n}" for n in range(20)]) == {f"of {n}": n for n in range(20)}
    cache.delete_many([f"of {n}" for n in range(19)])
    assert cache.get_many([f"of {n}" for n in range(20)]) == {"of 19": 19}
    assert commands.available()  # nothing of it was refused and went on in memory
    browser = Client()
    assert (
        browser.post("/accounts/login/", {"login": world.owner.email, "password": PASSWORD})["Location"]
        == "/"
    )
    assert browser.get("/keys/").status_code == 200
    assert check_readiness().results["valkey"] == "ok"


def test_sentinel_failover_continues_on_the_promoted_replica(
    watched: Watched,
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.VALKEY_URL = watched.url
    grants.COPIES.clear()
    issued = issue_key(world.company, rate_limit=100)
    client = api(issued.client_secret)
    assert client.get("/v1/whoami").status == 200
    cache.set("before", 1)
    assert cache.get("before") == 1
    assert put_and_get(watched.broker_url) == {"hint": 1}

    watched.fail_over()

    # Requests go on without Valkey meanwhile; the limits are exact again as soon as the Sentinel says where.
    assert client.get("/v1/whoami").status == 200
    wait_for_server(_is_back)
    assert cache.get("before") == 1
    replica = redis.Redis(port=watched.replica_port, password=watched.password)
    replica.flushall()
    assert client.get("/v1/whoami").status == 200
    assert [key for key in replica.scan_iter(count=1000) if b"{" in key]
    # A worker tries again, too, while a Sentinel on a busy machine takes the promoted server for down.
    assert put_and_get(watched.broker_url, tries=100) == {"hint": 1}
    grants.COPIES.clear()


ECHO = Script("return ARGV[1]")
WRITE = Script("return redis.call('SET', KEYS[1], ARGV[1])")


def test_late_response_is_discarded_behind_sentinels(
    watched: Watched, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "ANSWER_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(commands, "PAUSE_SECONDS", 0.0)
    settings.VALKEY_URL = watched.url
    first: list[object] = []
    wait_for_server(
        lambda: _answers_to("mine", first)
    )  # a busy machine may not find the primary within a tenth of a second
    assert first == [b"mine"]
    stands = commands._thread.connection
    assert (stands.port, stands.is_connected) == (
        watched.primary_port,
        True,
    )  # asked for, and not the usual 6379

    commands.call("CLIENT", "PAUSE", 300, "ALL")
    with pytest.raises(ValkeyUnavailable):
        ECHO.run(["{a}"], ["of somebody who has gone"])
    assert not stands.is_connected

    answers = []
    wait_for_server(lambda: _answers_to("the next one", answers))
    assert answers == [b"the next one"]


def _answers_to(text: str, answers: list[object]) -> bool:
    with contextlib.suppress(ValkeyUnavailable):
        answers.append(ECHO.run(["{a}"], [text]))
    return bool(answers)


@pytest.mark.parametrize("door", ["script", "command"])
def test_demoted_primary_is_replaced_by_the_current_one(
    door: str, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where VALKEY_URL names an address that moves: a connection that stands leads to the former primary for ever."""
    monkeypatch.setattr(commands, "PAUSE_SECONDS", 0.0)
    write = {
        "script": lambda: WRITE.run(["{a}"], ["b"]),
        "command": lambda: commands.call("SET", "{a}", "b"),
    }[door]
    with private_valkey() as former, private_valkey() as present:
        name = tmp_path / "valkey.sock"
        name.symlink_to(former.socket)
        settings.VALKEY_URL = former.url.replace(str(former.socket), str(name))
        write()

        redis.Redis.from_url(former.url).replicaof("127.0.0.1", free_port())
        name.unlink()
        name.symlink_to(present.socket)
        redis.Redis.from_url(present.url).config_set(
            "requirepass", redis.Redis.from_url(former.url).config_get("requirepass")["requirepass"]
        )

        with pytest.raises(ValkeyUnavailable, match="read only"):
            write()
        write()
        assert commands.call("GET", "{a}") == b"b"
        assert commands.call("INFO", "replication")["role"] == "master"


@pytest.mark.parametrize(
    ("reply", "refused"),
    [
        ("READONLY You can't write against a read only replica.", False),
        ("ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write.", False),
        ("OOM command not allowed when used memory > 'maxmemory'.", False),
        ("MASTERDOWN Link with MASTER is down.", False),
        ("BUSY Valkey is busy running a script.", False),
        ("BUSYGROUP Consumer Group name already exists", True),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", True),
    ],
)
def test_server_errors_are_distinguished_from_command_errors(
    reply: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "PAUSE_SECONDS", 0.0)
    script = Script("return redis.error_reply(ARGV[1])")

    with pytest.raises(ValkeyUnavailable) as caught:
        script.run(["{a}"], [reply])

    assert isinstance(caught.value, commands.CommandRefused) == refused


def _is_back() -> bool:
    try:
        return bool(commands.call("PING"))
    except ValkeyUnavailable:
        return False


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, Path]:
    made = trustme.CA()
    file = tmp_path / "ca.pem"
    made.cert_pem.write_to_path(str(file))
    return made, file


@pytest.mark.parametrize(
    ("trusted", "name", "expected"),
    [(True, "localhost", True), (False, "localhost", False), (True, "elsewhere.example", False)],
    ids=["ours", "made by a stranger", "of another host"],
)
def test_tls_connections_require_a_valid_certificate(
    trusted: bool,
    name: str,
    expected: bool,
    authority: tuple[trustme.CA, Path],
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "PAUSE_SECONDS", 0.0)
    ours, file = authority
    with private_valkey() as server:
        door = TlsDoor(str(server.socket), ours if trusted else trustme.CA(), name)
        password = server.url.partition("://:")[2].partition("@")[0]
        url = f"rediss://:{password}@localhost:{door.port}/0?ssl_ca_certs={file}"
        settings.VALKEY_URL = url
        if expected:
            assert commands.call("PING")
            assert put_and_get(url) == {"hint": 1}
        else:
            with pytest.raises(ValkeyUnavailable, match="certificate verify failed"):
                commands.call("PING")
            with pytest.raises(OperationalError, match="certificate verify failed"):
                put_and_get(url)
        door.close()


def test_broker_may_be_the_same_socket() -> None:
    """VALKEY_URL is the broker's URL too, unless there is one; Celery has its own spelling of a socket."""
    with private_valkey() as server:
        assert server.url.startswith("unix://")
        assert put_and_get(server.url) == {"hint": 1}


def test_brokers_that_take_over_from_each_other_keep_their_spelling() -> None:
    url = "amqp://u:p@a:5672/v;amqp://u:p@b:5672/v"
    assert celery_options("amqp://u:p@a:5672;amqp://u:p@b:5672")[0] == "amqp://u:p@a:5672;amqp://u:p@b:5672"
    assert celery_options(url)[0] == url
    spelled, tls, _ = celery_options("amqps://a:1/v?ssl_ca_certs=/ca.pem;amqps://b:1/v?ssl_ca_certs=/ca.pem")
    assert spelled == "amqps://a:1/v;amqps://b:1/v"
    assert tls is not None
    assert tls["ca_certs"] == "/ca.pem"


@pytest.mark.parametrize(
    "url",
    [
        "redis://", "redis:///1", "redis://:hunter2@/2", "valkey:///0", "unix:///run/a,b.sock?db=1",
        "redis://:hun,ter2@a:6379/0", "redis://[::1]:6379", "rediss://me:p%40@a?ssl_ca_certs=/ca.pem",
    ],
)  # fmt: skip
def test_what_the_client_library_reads_as_one_server_is_accepted(url: str) -> None:
    check_url(url)
    assert not is_cluster(url)
    redis.Redis.from_url(normalise_url(url))


@pytest.mark.parametrize(
    "url",
    [
        "redis+cluster://:hunter2/x@a:6379,b", "redis+sentinel://u/main/2hunter2@a/main", "redis://:12/hunter2@a",
        "redis+cluster://a:99999", "redis+sentinel://a:0/main", "redis+cluster://a:²", "redis+sentinel://a/main/²",
    ],
)  # fmt: skip
def test_mistyped_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BadUrl) as refused:
        check_url(url)
    assert "hunter2" not in str(refused.value)


def test_celery_verifies_its_broker_for_every_url_form() -> None:
    for url in ("rediss://a", "valkeys://a?ssl_ca_certs=/ca.pem", "rediss+sentinel://a/x"):
        _, tls, _ = celery_options(url)
        assert tls is not None
        assert tls["ssl_cert_reqs"] == ssl.CERT_REQUIRED
        assert tls["ssl_check_hostname"] is True
    spelled, tls, _ = celery_options("amqps://u:p@rabbit.example/v?ssl_ca_certs=/ca.pem")
    assert spelled == "amqps://u:p@rabbit.example/v"
    assert tls == {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": "/ca.pem", "server_hostname": None}
    assert celery_options("amqp://u:p@rabbit.example/v") == ("amqp://u:p@rabbit.example/v", None, {})


def test_multi_host_urls_are_parsed() -> None:
    nodes = parse_nodes("valkeys+sentinel://me:p%40ss@a:1,[::1]:2,c/main/3?ssl_ca_certs=/ca.pem")

    assert nodes.addresses == (("a", 1), ("::1", 2), ("c", 26379))
    assert (nodes.tls, nodes.username, nodes.password) == (True, "me", "p@ss")
    assert (nodes.primary, nodes.database, nodes.ca_certs) == ("main", 3, "/ca.pem")
    spelled, _, more = celery_options("redis+sentinel://me:p%40ss@a:1,[::1]:2/main/3")
    assert spelled == "sentinel://me:p%40ss@a:1/3;sentinel://me:p%40ss@[::1]:2/3"
    assert more == {"master_name": "main", "sentinel_kwargs": {}}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis+sentinel://a:1", "what they call the primary"),
        ("redis+cluster://a:seven", "no host:port"),
        ("redis+sentinel://a:1/main/first", "no number"),
    ],
)
def test_malformed_url_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(BadUrl, match=reason):
        check_url(url)


def test_cluster_without_a_separate_broker_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VALKEY_URL", "redis+cluster://a:1,b:2")
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    started = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert started.returncode != 0
    assert "CELERY_BROKER_URL (VALKEY_URL, unless it is set) cannot be used: a cluster" in started.stderr
