"""Last use of keys, secrets and scopes: batched, accurate enough, and free on the hot path."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from apikeys import usage
from apikeys.models import ApiKey, ApiKeyScopeUse, ApiKeySecret
from apikeys.services import IssuedKey, rotate_key
from core import clock
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, new_secret


@pytest.fixture(autouse=True)
def _start_empty() -> None:
    usage.BUFFER.flush()


def test_last_use_of_key_secret_and_scope_is_recorded_with_its_address(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued, idle = issue_key(world.company, ["customers:read", "events:read"]), issue_key(world.company)
    before = clock.now()
    client = api(issued.client_secret)
    assert client.get("/v1/customers", headers={"User-Agent": "worker/1.0\x00"}).status == 200
    with tenant_context(world.tenant()):
        assert ApiKey.objects.get(id=issued.key.id).last_used_at is None
    usage.BUFFER.flush()
    with tenant_context(world.tenant()):
        key = ApiKey.objects.get(id=issued.key.id)
        secret = ApiKeySecret.objects.get(key=key)
        uses = dict(ApiKeyScopeUse.objects.filter(key=key).values_list("scope", "last_used_at"))
        assert ApiKey.objects.get(id=idle.key.id).last_used_at is None
    assert before <= key.last_used_at <= clock.now()
    assert (key.last_used_ip, secret.last_used_ip, secret.last_used_agent) == (
        client.ip,
        client.ip,
        "worker/1.0",
    )
    assert secret.last_used_at == key.last_used_at
    assert uses == {"customers:read": key.last_used_at}


def test_each_secret_of_an_overlap_has_its_own_last_use(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company)
    with tenant_context(world.tenant()):
        second = rotate_key(key=issued.key, overlap=timedelta(hours=1), secret=new_secret(), actor=SYSTEM)
    api(second.client_secret).get("/v1/whoami")
    usage.BUFFER.flush()
    with tenant_context(world.tenant()):
        old, new = ApiKeySecret.objects.order_by("id")
    assert old.last_used_at is None
    assert new.last_used_at is not None


def test_older_use_never_overwrites_a_newer_one(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company)
    api(issued.client_secret).get("/v1/customers")
    notes = dict(usage.BUFFER._uses), dict(usage.BUFFER._needs)
    usage.BUFFER.flush()
    ((facts, at, _, _),) = notes[0].values()
    usage.BUFFER.note(facts, "customers:read", at - 60, "192.0.2.9", "old")
    usage.BUFFER.flush()
    with tenant_context(world.tenant()):
        key = ApiKey.objects.get(id=issued.key.id)
        assert ApiKeyScopeUse.objects.get(key=key).last_used_at == key.last_used_at
    assert key.last_used_at.timestamp() == pytest.approx(at, abs=0.001)
    assert key.last_used_ip != "192.0.2.9"


def test_usage_that_cannot_be_written_is_kept_for_the_next_flush(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issued = issue_key(world.company)
    api(issued.client_secret).get("/v1/customers")

    def away(*_args: Any) -> None:
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(usage.UsageBuffer, "_write", away)
        usage.BUFFER.flush()
    usage.BUFFER.flush()
    with tenant_context(world.tenant()):
        assert ApiKey.objects.get(id=issued.key.id).last_used_at is not None


def test_refused_request_is_not_a_use(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company, allowed_networks=["192.0.2.1"])
    api(issued.client_secret).get("/v1/whoami")
    wrong_scope = issue_key(world.company)
    api(wrong_scope.client_secret).post("/v1/customers", {"name": "Ada"})
    usage.BUFFER.flush()
    with tenant_context(world.tenant()):
        assert set(ApiKey.objects.values_list("last_used_at", flat=True)) == {None}
        assert ApiKeyScopeUse.objects.count() == 0


def test_key_deleted_meanwhile_causes_no_server_error(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company)
    api(issued.client_secret).get("/v1/customers")
    with tenant_context(world.tenant()):
        ApiKey.objects.filter(id=issued.key.id).delete()
    usage.BUFFER.flush()
    with tenant_context(world.tenant()):
        assert ApiKeyScopeUse.objects.count() == 0
