"""Notifications to owners: expiry a week before, on the day and afterwards; rotation; exposure; capped keys."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from apikeys import tasks
from apikeys.models import ApiKey
from apikeys.services import IssuedKey, KeySettings, revoke_key, update_key
from apikeys.services.notices import notify_clamped_keys, notify_expiry, remind_rotation
from billing.services.tiers import change_tier
from core import clock
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, make_world


def types_of(world: World, issued: Any) -> Any:
    with tenant_context(world.tenant()):
        events = OutboxEvent.objects.filter(object_id=issued.client_id).order_by("id")
        return list(events.values_list("type", flat=True))


def mails_to(user: Any) -> Any:
    return [message.subject for message in mail.outbox if message.to == [user.email]]


def test_expiry_is_announced_once_a_week_before_on_the_day_and_afterwards(
    world: World, issue_key: Callable[..., IssuedKey]
) -> None:
    expires = clock.now() + timedelta(days=10)
    issued = issue_key(world.company, name="nightly", expires_at=expires)
    # Only on the day itself is it "today".
    last_day = "today" if (expires - timedelta(hours=20)).date() == expires.date() else "within a day"
    mail.outbox.clear()
    for before, subjects in (
        (timedelta(days=8), []),
        (timedelta(days=6, hours=23), ["The API key nightly expires soon"]),
        (timedelta(days=3), []),
        (timedelta(hours=20), [f"The API key nightly expires {last_day}"]),
        (timedelta(hours=1), []),
        (-timedelta(seconds=1), ["The API key nightly has expired"]),
        (-timedelta(days=1), []),
    ):
        mail.outbox.clear()
        notify_expiry(now=expires - before)
        notify_expiry(now=expires - before)
        assert mails_to(world.owner) == subjects, before
    assert types_of(world, issued) == [
        "api_key.created",
        "api_key.expiring",
        "api_key.expiring",
        "api_key.expired",
    ]


def test_later_expiry_gets_its_own_warnings_and_a_revoked_key_none(
    world: World, issue_key: Callable[..., IssuedKey]
) -> None:
    expires = clock.now() + timedelta(days=3)
    issued, revoked = (issue_key(world.company, expires_at=expires) for _ in range(2))
    with tenant_context(world.tenant()):
        revoke_key(key=revoked.key, actor=SYSTEM)
    notify_expiry(now=clock.now())
    later = KeySettings(
        name="integration", scopes=["customers:read"], expires_at=expires + timedelta(days=30)
    )
    with tenant_context(world.tenant()):
        update_key(key=issued.key, chosen=later, actor=SYSTEM)
    notify_expiry(now=expires + timedelta(days=25))
    assert types_of(world, issued) == [
        "api_key.created",
        "api_key.expiring",
        "api_key.updated",
        "api_key.expiring",
    ]
    assert types_of(world, revoked) == ["api_key.created", "api_key.revoked"]


def remind_all(*, now: Any) -> None:
    """Let the sweep run as often as it takes: it does a batch at a time, and other tests' keys fall due as well."""
    for _ in range(100):
        if remind_rotation(now=now) == 0:
            return
    raise AssertionError("the sweep does not come to an end")


def test_rotation_is_recommended_after_ninety_days_by_default_and_not_enforced(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued, unreminded = issue_key(world.company, name="old"), issue_key(world.company, rotation_days=None)
    assert issued.key.rotation_days == 90
    mail.outbox.clear()
    remind_all(now=clock.now() + timedelta(days=89))
    assert types_of(world, issued) == ["api_key.created"]
    for days in (91, 92, 110):
        remind_all(now=clock.now() + timedelta(days=days))
    assert types_of(world, issued) == ["api_key.created", "api_key.rotation_due"]
    assert mails_to(world.owner) == ["Time to rotate the API key old"]
    remind_all(now=clock.now() + timedelta(days=125))
    assert types_of(world, issued).count("api_key.rotation_due") == 2
    assert types_of(world, unreminded) == ["api_key.created"]
    assert api(issued.client_secret).get("/v1/whoami").status == 200


def test_scheduled_tasks_are_registered() -> None:
    from config.celery import app

    for name in ("apikeys.notify_expiry", "apikeys.remind_rotation", "apikeys.repeat_fences"):
        assert app.conf.beat_schedule[name]["task"] == name
        assert name in app.tasks
    assert tasks.notify_about_expiry() >= 0
    assert tasks.remind_of_rotation() >= 0


def test_live_secret_sent_over_plain_http_is_refused_and_its_company_notified_once(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], settings: Any
) -> None:
    issued = issue_key(world.company, ["customers:read", "customers:write"])
    settings.REQUIRE_HTTPS = True
    mail.outbox.clear()
    client = api(issued.client_secret)
    for _ in range(3):
        answer = client.post("/v1/customers", {"name": "Ada"})
        assert (answer.status, answer.code) == (403, "https_required")
    assert types_of(world, issued) == ["api_key.created", "api_key.exposed"]
    assert len(mails_to(world.owner)) == 1
    with tenant_context(world.tenant()):
        assert "plain HTTP" in ApiKey.objects.get(id=issued.key.id).leak_detail


def test_nonexistent_secret_sent_over_plain_http_notifies_nobody(
    api: Callable[..., ApiClient], settings: Any
) -> None:
    settings.REQUIRE_HTTPS = True
    mail.outbox.clear()
    for secret in (None, "nonsense", "pm_live_" + "A" * 38):
        assert api(secret).get("/v1/whoami").code == "https_required"
    assert mail.outbox == []


@pytest.fixture
def pro_world() -> World:
    return make_world(tier="pro")


def test_lower_tier_clamps_keys_when_read_and_names_them_to_the_owner(
    pro_world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    fast = issue_key(pro_world.company, name="importer", rate_limit=250)
    issue_key(pro_world.company, name="slow", rate_limit=10)
    change_tier(company=pro_world.company, tier="starter", reason="asked", actor=SYSTEM)
    mail.outbox.clear()
    with tenant_context(pro_world.tenant()):
        assert notify_clamped_keys() == 1
    (message,) = mail.outbox
    assert message.to == [pro_world.owner.email]
    assert "importer (live, 250 a minute)" in message.body
    assert "slow" not in message.body
    assert '"key";q=60' in api(fast.client_secret).get("/v1/whoami").headers["RateLimit-Policy"]
    with tenant_context(pro_world.tenant()):
        assert ApiKey.objects.get(id=fast.key.id).rate_limit == 250
