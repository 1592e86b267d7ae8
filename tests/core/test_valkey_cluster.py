"""VALKEY_URL as a cluster: authentication, scripts and fences work, with each script's keys on one node (docs/architecture.md, Keys)."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.cluster import RedisCluster
from redis.crc import key_slot

from apikeys import attempts, grants
from apikeys.services import IssuedKey, revoke_key, rotate_key
from core.api.throttles import CompanyThrottle, KeyThrottle
from core.engines.programs import valkey_server
from core.tenancy import tenant_context
from core.valkey import commands, fences
from core.valkey.urls import is_cluster
from messaging.api.throttles import MessagesThrottle
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, new_secret


@pytest.fixture(scope="module")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster of one node that serves every slot: it refuses what a cluster refuses."""
    folder: Path = tmp_path_factory.mktemp("cluster")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        # The bus listens 10,000 above; keep it inside the range.
        port = 20_000 + probe.getsockname()[1] % 10_000
    options = {"port": port, "dir": folder, "cluster-enabled": "yes", "save": "", "bind": "127.0.0.1"}
    command = [
        str(valkey_server()),
        *(text for name, value in options.items() for text in (f"--{name}", str(value))),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        client = redis.Redis(port=port)
        deadline = time.monotonic() + 30
        added = False
        while time.monotonic() < deadline:
            try:
                if not added:
                    client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
                    added = True
                if b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"):
                    break
            except redis.ConnectionError:
                pass
            time.sleep(0.05)
        yield f"redis+cluster://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def on_cluster(cluster_url: str, settings: Any) -> Iterator[None]:
    settings.VALKEY_URL = cluster_url
    grants.COPIES.clear()
    yield
    grants.COPIES.clear()


@pytest.mark.usefixtures("on_cluster")
def test_key_lifecycle_works_on_a_cluster(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    assert isinstance(commands.client(), RedisCluster)
    issued = issue_key(world.company, rate_limit=5)
    client = api(issued.client_secret)
    answers = [client.get("/v1/whoami") for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    grants.COPIES.clear()
    assert client.get("/v1/whoami").status == 429
    with tenant_context(world.tenant()):
        second = rotate_key(key=issued.key, overlap=timedelta(0), secret=new_secret(), actor=SYSTEM)
    assert second.effect.immediate is True
    assert client.get("/v1/whoami").code == "key_revoked"
    with tenant_context(world.tenant()):
        change = revoke_key(key=issued.key, actor=SYSTEM)
    assert change.effect.immediate is True
    assert api(second.client_secret).get("/v1/whoami").code == "key_revoked"
    assert attempts.count_failure("192.0.2.77").headers["X-RateLimit-Remaining"] == "19"


def test_all_keys_of_a_script_are_on_one_slot(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company)
    assert api(issued.client_secret).get("/v1/whoami").status == 200
    grant = grants.COPIES.get(grants.digest_of(issued.client_secret))
    names = [*grant.fence_names, *grant.plan((KeyThrottle, CompanyThrottle, MessagesThrottle)).buckets]
    assert len(names) == 5
    assert len({key_slot(name.encode()) for name in names}) == 1
    assert fences.company_fence(world.company.id) in names


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost:6379/0", False),
        ("valkeys://localhost:6379/0", False),
        ("unix:///run/valkey.sock", False),
        ("redis+cluster://a:7000", True),
        ("rediss+cluster://a:7000,b:7001", True),
        ("redis://a:7000,b:7001", True),
    ],
)
def test_cluster_is_detected_by_its_url(url: str, expected: bool) -> None:
    assert is_cluster(url) is expected
