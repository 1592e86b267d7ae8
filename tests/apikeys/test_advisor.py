"""Advice from usage: unused keys and scopes, secrets that can be retired, missing restrictions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apikeys import advisor
from apikeys.models import ApiKey, ApiKeySecret

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def make(**changes: Any) -> ApiKey:
    """A live server key of 100 days with an allow-list and an expiry: nothing to improve but what a test changes."""
    return ApiKey(
        **{
            "name": "k",
            "mode": "live",
            "kind": "server",
            "scopes": ["customers:read", "customers:write"],
            "allowed_networks": ["192.0.2.1/32"],
            "created": NOW - timedelta(days=100),
            "rotated_at": NOW - timedelta(days=10),
            "expires_at": NOW + timedelta(days=60),
            "last_used_at": NOW,
            "rotation_days": 90,
            **changes,
        }
    )


def secret(**changes: Any) -> ApiKeySecret:
    return ApiKeySecret(**{"created": NOW - timedelta(days=10), "last_used_at": NOW, **changes})


ALL_USED = {"customers:read": NOW, "customers:write": NOW - timedelta(days=29)}


def codes(key: Any, secrets: Any = None, uses: Any = ALL_USED) -> Any:
    return [item.code for item in advisor.advise(key, secrets or [secret()], uses, NOW)]


def test_used_and_restricted_key_gets_no_advice() -> None:
    assert codes(make()) == ["all_well"]


def test_scopes_unused_for_thirty_days_should_be_trimmed() -> None:
    assert codes(make(), uses={"customers:read": NOW}) == ["unused_scopes"]
    assert codes(make(), uses=ALL_USED | {"customers:write": NOW - timedelta(days=30)}) == ["unused_scopes"]
    (item,) = advisor.advise(make(), [secret()], {"customers:read": NOW}, NOW)
    assert "customers:write" in item.text
    assert "customers:read" not in item.text
    # Too young a key to say.
    assert codes(make(created=NOW - timedelta(days=29)), uses={}) == ["all_well"]


@pytest.mark.parametrize(("days", "tone"), [(30, "warn"), (89, "warn"), (90, "danger")])
def test_key_unused_for_thirty_or_ninety_days_is_flagged(days: int, tone: str) -> None:
    (item,) = advisor.advise(make(last_used_at=NOW - timedelta(days=days)), [secret()], {}, NOW)
    assert (item.code, item.tone, item.action) == ("unused_key", tone, "revoke")
    assert advisor.unused_for(make(last_used_at=None, created=NOW - timedelta(days=30)), NOW) == timedelta(
        days=30
    )
    assert advisor.unused_for(make(last_used_at=None, created=NOW - timedelta(days=29)), NOW) is None


def test_rotation_is_due_when_its_interval_has_passed() -> None:
    assert advisor.rotation_state(make(), NOW) == advisor.RotationState(10, 80)
    assert not advisor.rotation_state(make(rotated_at=NOW - timedelta(days=90, seconds=-1)), NOW).is_due
    assert advisor.rotation_state(make(rotated_at=NOW - timedelta(days=90)), NOW).is_due
    assert codes(make(rotated_at=NOW - timedelta(days=90))) == ["rotation_due"]
    assert not advisor.rotation_state(make(rotation_days=None), NOW).is_due


@pytest.mark.parametrize(
    ("old_used", "new_used", "rotated", "code"),
    [
        (timedelta(minutes=5), timedelta(0), timedelta(days=1), "old_secret_in_use"),
        (timedelta(hours=2), timedelta(0), timedelta(days=1), "safe_to_retire"),
        (None, timedelta(0), timedelta(days=1), "safe_to_retire"),
        (None, None, timedelta(days=1), "new_secret_unused"),
        (None, timedelta(0), timedelta(minutes=10), "too_early"),
        # The old one was last used before there was a new one.
        (timedelta(days=2), timedelta(0), timedelta(days=1), "safe_to_retire"),
    ],
)
def test_the_rotation_radar_says_whether_the_old_secret_can_go(
    old_used: Any, new_used: Any, rotated: Any, code: str
) -> None:
    def ago(span: Any) -> Any:
        return None if span is None else NOW - span

    new = secret(created=NOW - rotated, last_used_at=ago(new_used))
    old = secret(last_used_at=ago(old_used), ends_at=NOW + timedelta(days=1))
    assert advisor.retirement_verdict(old, [new, old], NOW).code == code
    assert codes(make(), [new, old])[0] == code


def test_missing_restrictions_are_named() -> None:
    assert codes(make(allowed_networks=[], expires_at=None)) == ["no_ip_allow_list", "no_expiry"]
    browser = make(kind="browser", allowed_networks=[], allowed_origins=["*"])
    assert codes(browser) == ["browser_key_writes", "any_origin"]


def test_key_that_no_longer_works_gets_no_advice() -> None:
    assert advisor.advise(make(revoked_at=NOW), [], {}, NOW) == []
    assert advisor.advise(make(expires_at=NOW), [secret()], {}, NOW) == []


def test_unused_key_is_not_reported_as_using_its_scopes() -> None:
    fresh = make(created=NOW - timedelta(days=1), last_used_at=None)
    assert codes(fresh, uses={}) == ["not_used_yet"]
    young = make(created=NOW - timedelta(days=1))
    [advice] = advisor.advise(young, [secret()], {}, NOW)
    assert advice.code == "all_well"
    assert "Every scope" not in advice.text


def test_the_radar_says_when_the_old_secret_was_last_seen() -> None:
    new = secret(created=NOW - timedelta(days=1))
    old = secret(
        last_used_at=NOW - timedelta(minutes=16), last_used_ip="192.0.2.9", ends_at=NOW + timedelta(days=1)
    )
    assert advisor.retirement_verdict(old, [new, old], NOW).text == "Last seen 16 minutes ago from 192.0.2.9."
