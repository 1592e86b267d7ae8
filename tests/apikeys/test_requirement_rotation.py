"""The requirement documents on rotation and the audit of keys: each test quotes the sentence it holds us to."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apikeys import keys
from apikeys.models import DEFAULT_ROTATION_DAYS
from apikeys.services import IssuedKey, revoke_key, rotate_key
from audit.models import AuditEntry, StaffEntry
from core import clock
from core.tenancy import system_context, tenant_context
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, new_secret

SECRET = re.compile(keys.SCANNER_PATTERN)


def entries(world: World, client_id: Any, action: Any) -> Any:
    with tenant_context(world.tenant()):
        return list(AuditEntry.objects.filter(target_id=client_id, action=action))


@pytest.mark.parametrize("age_in_days", [0, 1, 400])
def test_the_user_can_regenerate_a_key_at_any_time(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey], age_in_days: int
) -> None:
    """ "User can regenerate key at any time" / "Enable self-service key regeneration." """
    issued = issue_key(world.company)
    with tenant_context(world.tenant()):
        past = clock.now() - timedelta(days=age_in_days)
        type(issued.key).objects.filter(id=issued.key.id).update(created=past, rotated_at=past)
    browser = login(world.teammate)
    for _ in range(2):
        assert browser.post(f"/keys/{issued.client_id}/rotate/", {"overlap": "none"}).status_code == 200


def test_the_old_key_is_immediately_revoked_and_the_new_one_displayed_once(
    world: World,
    login: Callable[..., Client],
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
) -> None:
    """ "Old key immediately revoked" / "New key generated and displayed once" """
    issued = issue_key(world.company)
    old = api(issued.client_secret)
    assert old.get("/v1/whoami").status == 200
    browser = login(world.owner)
    page = browser.post(f"/keys/{issued.client_id}/rotate/", {"overlap": "none"})
    (new,) = set(SECRET.findall(page.content.decode()))
    assert old.get("/v1/whoami").code == "key_revoked"
    assert api(new).get("/v1/whoami").status == 200
    assert not SECRET.search(browser.get(f"/keys/{issued.client_id}/").content.decode())


def test_the_audit_log_tracks_all_regenerations(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    """ "Audit log tracks all regenerations" / "API key regeneration (who, when)" """
    issued = issue_key(world.company)
    browser = login(world.teammate)
    for _ in range(3):
        browser.post(f"/keys/{issued.client_id}/rotate/", {"overlap": "none"})
    rotations = entries(world, issued.client_id, "api_key.rotated")
    assert len(rotations) == 3
    for entry in rotations:
        assert (entry.actor_id, entry.actor_kind) == (world.teammate.public_id, "user")
        assert entry.created <= clock.now()
        assert len(entry.detail["replaced"]) == 1


def test_the_audit_log_tracks_creation_with_who_when_and_permissions(
    world: World, login: Callable[..., Client]
) -> None:
    """ "API key creation (who, when, permissions)" """
    browser = login(world.teammate)
    form = {"name": "x", "kind": "server", "scopes": ["events:read"], "expiry": "90", "rate_limit": "60"}
    browser.post("/keys/new/", form)
    with tenant_context(world.tenant()):
        (entry,) = AuditEntry.objects.filter(action="api_key.created")
    assert entry.actor_id == world.teammate.public_id
    assert entry.detail["scopes"] == ["events:read"]


def test_the_audit_log_tracks_revocation_with_who_and_when(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    """ "API key revocation (who, when)" """
    issued = issue_key(world.company)
    login(world.owner).post(f"/keys/{issued.client_id}/revoke/", {})
    (entry,) = entries(world, issued.client_id, "api_key.revoked")
    assert (entry.actor_id, entry.detail["reason"]) == (world.owner.public_id, "user")


def test_the_audit_log_tracks_authentication_attempts(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "API key authentication attempts (success, failure)" """
    issued, listed = issue_key(world.company), issue_key(world.company, allowed_networks=["203.0.113.7"])
    client = api(issued.client_secret)
    for _ in range(3):
        assert client.get("/v1/whoami").status == 200
    (success,) = entries(world, issued.client_id, "api_key.authenticated")
    assert (success.ip, success.actor_id) == (client.ip, issued.client_id)
    api(listed.client_secret, ip="203.0.113.9").get("/v1/whoami")
    (refusal,) = entries(world, listed.client_id, "api_key.refused")
    assert (refusal.detail["code"], refusal.ip) == ("ip_not_allowed", "203.0.113.9")
    stranger, made_up = api(), keys.generate("live")
    for headers in ({"Authorization": f"Bearer {made_up.text}"}, {}):
        stranger.get("/v1/whoami", headers=headers)
    with system_context(reason="tests"):
        failures = list(StaffEntry.objects.filter(ip=stranger.ip).order_by("id"))
    assert [failure.detail["code"] for failure in failures] == ["invalid_credentials", "missing_credentials"]
    assert failures[0].detail["shown_as"] == made_up.display


def test_every_failure_up_to_the_limit_is_written_down_and_none_beyond(api: Callable[..., ApiClient]) -> None:
    """ "API key authentication attempts (success, failure)": bounded, so that nobody can fill the log."""
    stranger = api()
    for _ in range(30):
        stranger.get("/v1/whoami")
    with system_context(reason="tests"):
        assert StaffEntry.objects.filter(ip=stranger.ip).count() == 20


def test_rotating_every_90_days_is_recommended_not_enforced(
    world: World,
    issue_key: Callable[..., IssuedKey],
    login: Callable[..., Client],
    api: Callable[..., ApiClient],
) -> None:
    """ "Rotate API keys every 90 days (recommended, not enforced)" """
    assert DEFAULT_ROTATION_DAYS == 90
    issued = issue_key(world.company)
    with tenant_context(world.tenant()):
        past = clock.now() - timedelta(days=91)
        type(issued.key).objects.filter(id=issued.key.id).update(rotated_at=past)
    page = login(world.owner).get("/keys/").content.decode().lower()
    assert "rotation due" in page
    assert api(issued.client_secret).get("/v1/whoami").status == 200


def test_revoked_key_cannot_be_rotated_back_to_life(
    world: World, issue_key: Callable[..., IssuedKey]
) -> None:
    """ "Old key immediately revoked": for good."""
    from apikeys.services import KeyNotActive

    issued = issue_key(world.company)
    with tenant_context(world.tenant()):
        revoke_key(key=issued.key, actor=SYSTEM)
        with pytest.raises(KeyNotActive):
            rotate_key(key=issued.key, overlap=timedelta(0), secret=new_secret(), actor=SYSTEM)
