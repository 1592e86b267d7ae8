"""Tier limits are rows: staff change them for every company on the tier, effective immediately and audited."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import ProgrammingError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Company
from apikeys.grants import shared_bucket
from audit.models import AuditEntry, StaffEntry
from billing import services
from billing.entitlements import (
    Limits,
    as_numbers,
    current_limits,
    entitlements_of,
    limits_by_tier,
    limits_of,
)
from billing.models import TierLimits
from billing.services.errors import TierUnchanged
from core.api.throttling import RatePolicy, take_one
from core.errors import FieldErrors
from core.tenancy import system_context, tenant_context
from tests.billing.test_tiers import text_of
from tests.clients import ApiClient, sign_in
from tests.factories import SYSTEM, World, make_user, make_world
from tests.threads import is_blocking_another
from tests.waiting import wait_until

SEEDED = {
    "starter": Limits(60, 10, 200, 50, 5, 50),
    "pro": Limits(300, 60, 5_000, 1_000, 20, 1_000),
    "enterprise": Limits(1_000, 200, 100_000, 20_000, 100, 20_000),
}
# No other test uses this tier's limits.
TIER = "enterprise"


def shown_limits(client: ApiClient) -> dict[str, int]:
    """Return the built-in limits as shown to a key; extensions add policies."""
    limits = client.get("/v1/whoami").json["limits"]
    return {name: limits[name] for name in ("key", "company", "messages")}


@pytest.fixture
def world() -> World:
    return make_world(tier=TIER)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Restore the tier's limits, because all tests share the database."""
    yield
    if limits_by_tier()[TIER] != SEEDED[TIER]:
        set_limits(**as_numbers(SEEDED[TIER]))


def set_limits(**limits: Any) -> list[Any]:
    return services.set_tier_limits(tier=TIER, limits=limits, reason="a fair trial", actor=SYSTEM)


def company_of(world: World) -> Company:
    with system_context(reason="test"):
        return Company.objects.get(id=world.company.id)


def changes_of(world: World) -> list[Any]:
    with tenant_context(world.tenant()):
        rows = AuditEntry.objects.filter(action="company.limits_changed", target_id=world.company.public_id)
        return list(rows.order_by("id").values_list("changes", flat=True))


def test_three_tiers_exist(world: World) -> None:
    assert limits_by_tier() == SEEDED
    assert list(limits_by_tier()) == ["starter", "pro", "enterprise"]


def test_changed_tier_limits_apply_to_the_next_request(
    world: World, issue_key: Callable[..., Any], api: Callable[..., ApiClient]
) -> None:
    client = api(issue_key(world.company, rate_limit=1_000).client_secret)
    pro = make_world(tier="pro")
    other = api(issue_key(pro.company, rate_limit=1_000).client_secret)
    assert shown_limits(client) == {"key": 1_000, "company": 1_000, "messages": 200}
    before = [company_of(world).version, company_of(pro).version]

    effects = set_limits(requests_per_minute=900, messages_per_minute=150)

    assert {effect.immediate for effect in effects} == {True}
    assert shown_limits(client) == {"key": 900, "company": 900, "messages": 150}
    assert shown_limits(other) == {"key": 300, "company": 300, "messages": 60}
    assert [company_of(world).version, company_of(pro).version] == [before[0] + 1, before[1]]
    with CaptureQueriesContext(connection) as statements:
        assert client.get("/v1/whoami").headers["X-RateLimit-Limit"] == "900"
    # Django logs BEGIN and COMMIT of the request's transaction; psycopg sends neither before a first statement.
    assert [one["sql"] for one in statements if one["sql"] not in ("BEGIN", "COMMIT")] == []


def test_tier_change_is_audited_for_staff_and_affected_companies(world: World) -> None:
    agreed = make_world(tier=TIER)
    services.override_limits(
        company=agreed.company, overrides={"sms_per_day": 7}, reason="agreed", actor=SYSTEM
    )

    set_limits(sms_per_day=30_000)

    assert changes_of(world) == [{"sms_per_day": [20_000, 30_000]}]
    assert changes_of(agreed) == []
    assert entitlements_of(agreed.company.id).limits == replace(SEEDED[TIER], sms_per_day=7)
    with system_context(reason="test"):
        entry = StaffEntry.objects.filter(action="tier.limits_changed", target_id=TIER).latest("id")
    assert (entry.changes, entry.detail) == ({"sms_per_day": [20_000, 30_000]}, {"reason": "a fair trial"})


def test_keys_above_a_lowered_tier_are_listed(world: World, issue_key: Callable[..., Any]) -> None:
    issue_key(world.company, name="nightly import", rate_limit=1_000)
    issue_key(world.company, name="trial run", rate_limit=600, mode="test")
    owner = sign_in(world.owner, world.company)
    assert "Some keys exceed" not in text_of(owner.get("/plan/"))

    set_limits(requests_per_minute=500)

    page = text_of(owner.get("/plan/"))
    assert "They are capped at 500 requests a minute." in page
    assert "nightly import (1,000), trial run (test mode, 600)." in page


def test_the_plan_page_shows_every_limit_and_its_use(
    world: World, issue_key: Callable[..., Any], api: Callable[..., ApiClient]
) -> None:
    owner = sign_in(world.owner, world.company)
    shown = text_of(owner.get("/plan/"))
    for label, limit in (
        ("Requests, last minute", "1,000"), ("Calls to send messages, last minute", "200"),
        ("Email recipients today", "100,000"), ("SMS recipients today", "20,000"), ("Webhook endpoints", "100"),
    ):  # fmt: skip
        assert f"{label} 0 of {limit} (0%)" in shown, label

    # A token is added every 60 ms: of 900, more than half are still used when the page is rendered.
    take_one(shared_bucket(world.company.id, "company", "live"), RatePolicy("company", 1_000), tokens=900)
    used = re.search(r"Requests, last minute (\d+) of 1,000", text_of(owner.get("/plan/")))
    assert used is not None
    assert 450 <= int(used[1]) <= 900
    client = api(issue_key(world.company, rate_limit=1_000).client_secret)
    assert int(client.get("/v1/whoami").headers["X-RateLimit-Remaining"]) < 550  # the bucket of the requests


@pytest.mark.parametrize("limits", [{"requests": 5}, {"sms_per_day": -1}, {"sms_per_day": 10**10}])
def test_invalid_limits_are_refused(world: World, limits: dict[str, Any]) -> None:
    with pytest.raises(FieldErrors):
        set_limits(**limits)
    assert limits_by_tier()[TIER] == SEEDED[TIER]
    assert changes_of(world) == []


def test_unknown_tier_and_unchanged_limits_are_refused() -> None:
    with pytest.raises(FieldErrors):
        services.set_tier_limits(tier="gold", limits={}, reason="x", actor=SYSTEM)
    with pytest.raises(TierUnchanged):
        set_limits(**as_numbers(SEEDED[TIER]))


def test_only_the_system_role_can_write_tiers(world: World) -> None:
    for statement in (
        "UPDATE billing_tierlimits SET requests_per_minute = 1000000",
        "INSERT INTO billing_tierlimits SELECT * FROM billing_tierlimits",
        "DELETE FROM billing_tierlimits",
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            tenant_context(world.tenant()),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert TierLimits.objects.count() == 3


def test_the_limits_of_a_company_take_one_statement(world: World) -> None:
    with tenant_context(world.tenant()), CaptureQueriesContext(connection) as statements:
        limits = current_limits()
    assert limits == SEEDED[TIER]
    assert len([one for one in statements if "FROM" in one["sql"]]) == 1
    assert limits_of(company_of(world)) == limits


def test_company_changing_tier_during_a_limit_change_gets_the_new_limits(world: World) -> None:
    moving = make_world(tier="pro").company
    changed = threading.Thread(target=_in_a_thread, args=(lambda: set_limits(email_per_day=1),))
    with tenant_context(moving.live_tenant):
        services.change_tier(company=moving, tier=TIER, reason="grew", actor=SYSTEM)
        changed.start()

        def waits() -> bool:
            assert changed.is_alive(), "the change did not wait for the move"
            return is_blocking_another()

        wait_until(waits)
    changed.join(60)

    entitlements = entitlements_of(moving.id)
    assert (entitlements.limits.email_per_day, entitlements.version) == (1, moving.version + 2)


def test_company_created_during_a_limit_change_gets_the_new_limits(
    issue_key: Callable[..., Any], api: Callable[..., ApiClient]
) -> None:
    secrets: list[str] = []

    def begin() -> None:
        new = make_world(tier=TIER)
        secret = issue_key(new.company, rate_limit=1_000).client_secret
        assert api(secret).get("/v1/whoami").status == 200  # from now on the process has cached the limits
        secrets.append(secret)

    beginning = threading.Thread(target=_in_a_thread, args=(begin,))
    with system_context(reason="test"):
        set_limits(requests_per_minute=900, messages_per_minute=150)
        beginning.start()
        wait_until(lambda: is_blocking_another() or not beginning.is_alive())
    beginning.join(60)

    assert shown_limits(api(secrets[0])) == {"key": 900, "company": 900, "messages": 150}


def _in_a_thread(work: Callable[[], Any]) -> None:
    try:
        work()
    finally:
        connection.close()


@pytest.fixture
def staff() -> Client:
    user = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    return sign_in(user)


def test_staff_change_a_tier_with_a_reason(world: World, staff: Client) -> None:
    page = text_of(staff.get("/staff/billing/tierlimits/"))
    assert "Enterprise" in page
    chosen = {"action": "set_limits", "_selected_action": [TIER], "webhook_endpoints": "120"}

    asked = staff.post("/staff/billing/tierlimits/", {**chosen, "confirmed": "1"})
    assert "reason" in text_of(asked).lower()
    assert limits_by_tier()[TIER] == SEEDED[TIER]
    staff.post(
        "/staff/billing/tierlimits/",
        {**chosen, "confirmed": "1", "named": TIER, "reason": "They all need more."},
    )

    assert limits_by_tier()[TIER] == replace(SEEDED[TIER], webhook_endpoints=120)
    assert changes_of(world) == [{"webhook_endpoints": [100, 120]}]
    assert staff.post(f"/staff/billing/tierlimits/{TIER}/change/", {"sms_per_day": "1"}).status_code == 403
