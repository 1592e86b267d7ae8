"""A company's tier: requested by its owner, applied by staff, effective immediately and audited."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from accounts.models import Company
from apikeys.services.notices import notify_clamped_keys
from audit.models import AuditEntry
from billing import services
from billing.entitlements import entitlements_of, limits_by_tier
from billing.models import TierRequest
from billing.services.errors import TierRequestClosed, TierRequestOpen, TierUnchanged
from core.errors import FieldErrors
from core.tenancy import system_context, tenant_context
from core.valkey import fences
from tests.clients import ApiClient, sign_in
from tests.factories import SYSTEM, World, make_user


def company_of(world: World) -> Company:
    with system_context(reason="test"):
        return Company.objects.get(id=world.company.id)


def audited(world: World) -> list[str]:
    with tenant_context(world.tenant()):
        return list(
            AuditEntry.objects.filter(action__startswith="company.", target_id=world.company.public_id)
            .exclude(action="company.created")
            .order_by("id")
            .values_list("action", flat=True)
        )


@pytest.fixture
def staff() -> Client:
    user = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    return sign_in(user)


def text_of(answer: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def test_changed_tier_applies_to_the_next_request(
    world: World, issue_key: Callable[..., Any], api: Callable[..., ApiClient]
) -> None:
    client = api(issue_key(world.company, scopes=["customers:read"], rate_limit=60).client_secret)
    limit = "X-RateLimit-Limit"
    assert client.get("/v1/whoami").json["company"]["tier"] == "starter"
    effect = services.change_tier(company=world.company, tier="pro", reason="grew", actor=SYSTEM)
    assert effect.immediate is True
    answer = client.get("/v1/whoami")
    assert answer.json["company"]["tier"] == "pro"
    assert answer.json["limits"]["company"] == 300
    services.override_limits(
        company=world.company, overrides={"requests_per_minute": 7}, reason="abuse", actor=SYSTEM
    )
    assert client.get("/v1/whoami").headers[limit] == "7"
    assert audited(world) == ["company.tier_changed", "company.limits_overridden"]


def test_overrides_take_precedence_over_the_tier_and_can_be_removed(world: World) -> None:
    services.override_limits(
        company=world.company, overrides={"sms_per_day": 0, "email_per_day": 9}, reason="agreed", actor=SYSTEM
    )
    limits = entitlements_of(world.company.id).limits
    assert (limits.sms_per_day, limits.email_per_day, limits.requests_per_minute) == (0, 9, 60)
    services.override_limits(company=world.company, overrides={}, reason="over", actor=SYSTEM)
    assert entitlements_of(world.company.id).limits == limits_by_tier()["starter"]


@pytest.mark.parametrize(
    "overrides", [{"requests": 5}, {"sms_per_day": -1}, {"sms_per_day": True}, {"sms_per_day": 10**10}]
)
def test_invalid_overrides_are_refused(world: World, overrides: dict[str, Any]) -> None:
    with pytest.raises(FieldErrors):
        services.override_limits(company=world.company, overrides=overrides, reason="x", actor=SYSTEM)
    assert company_of(world).limit_overrides == {}
    assert audited(world) == []


def test_one_open_tier_request_and_none_for_the_current_tier(world: World) -> None:
    with tenant_context(world.tenant()):
        with pytest.raises(TierUnchanged):
            services.request_tier(company=world.company, tier="starter", actor=SYSTEM)
        wanted = services.request_tier(company=world.company, tier="pro", actor=SYSTEM)
        with pytest.raises(TierRequestOpen):
            services.request_tier(company=world.company, tier="enterprise", actor=SYSTEM)
        services.withdraw_tier_request(request=wanted, actor=SYSTEM)
        with pytest.raises(TierRequestClosed):
            services.withdraw_tier_request(request=wanted, actor=SYSTEM)
        services.request_tier(company=world.company, tier="enterprise", actor=SYSTEM)
    assert company_of(world).tier == "starter"


def test_owners_are_notified_of_keys_above_a_lower_limit(world: World, issue_key: Callable[..., Any]) -> None:
    services.change_tier(company=world.company, tier="pro", reason="grew", actor=SYSTEM)
    issue_key(world.company, name="nightly import", rate_limit=300)
    issue_key(world.company, name="small", rate_limit=60)
    services.change_tier(company=world.company, tier="starter", reason="shrank", actor=SYSTEM)
    mail.outbox.clear()
    with tenant_context(world.tenant()):
        assert notify_clamped_keys() == 1  # the task that the change has enqueued
    [letter] = mail.outbox
    assert letter.to == [world.owner.email]
    assert "nightly import (live, 300 a minute)" in letter.body
    page = text_of(sign_in(world.owner, world.company).get("/plan/"))
    assert "nightly import (300)" in page


def test_owner_requests_a_tier_and_staff_approve(world: World, staff: Client) -> None:
    owner = sign_in(world.owner, world.company)
    asked = owner.post("/plan/request/", {"tier": "pro", "note": "We grew."}, follow=True)
    assert "Request pending" in text_of(asked)
    with tenant_context(world.tenant()):
        wanted = TierRequest.objects.get()
    assert wanted.requested_by == world.owner
    fence = fences.company_fence(world.company.id)
    before = fences.mark([fence])[0]

    chosen = {"action": "apply", "_selected_action": [str(wanted.id)]}
    assert "reason" in text_of(staff.post("/staff/billing/tierrequest/", chosen)).lower()
    assert company_of(world).tier == "starter"
    done = staff.post(
        "/staff/billing/tierrequest/",
        {**chosen, "confirmed": "1", "named": world.company.slug, "reason": "They pay for it."},
        follow=True,
    )
    assert f"{world.company.name} is on the pro tier now, as requested." in text_of(done)
    company = company_of(world)
    assert (company.tier, company.version) == ("pro", world.company.version + 1)
    assert fences.mark([fence])[0].version == company.version > before.version
    assert audited(world) == ["company.tier_requested", "company.tier_changed"]
    page = text_of(owner.get("/plan/"))
    assert "is on Pro" in page
    assert "They pay for it." in page


def test_staff_decline_change_and_override_tiers(world: World, staff: Client) -> None:
    with tenant_context(world.tenant()):
        wanted = services.request_tier(company=world.company, tier="enterprise", actor=SYSTEM)
    staff.post(
        "/staff/billing/tierrequest/",
        {
            "action": "decline",
            "_selected_action": [str(wanted.id)],
            "confirmed": "1",
            "named": world.company.slug,
            "reason": "Not yet, sorry.",
        },
    )
    chosen = {
        "_selected_action": [str(world.company.id)],
        "confirmed": "1",
        "named": world.company.slug,
        "reason": "A fair trial.",
    }
    staff.post("/staff/billing/companyplan/", {**chosen, "action": "change_tier", "tier": "pro"})
    staff.post("/staff/billing/companyplan/", {**chosen, "action": "override_limits", "sms_per_day": "5"})
    company = company_of(world)
    assert (company.tier, company.limit_overrides) == ("pro", {"sms_per_day": 5})
    assert audited(world) == [
        "company.tier_requested", "company.tier_request_declined", "company.tier_changed", "company.limits_overridden",
    ]  # fmt: skip
    assert "Not yet, sorry." in text_of(sign_in(world.owner, world.company).get("/plan/"))


def test_only_owners_request_another_tier(world: World) -> None:
    developer = sign_in(world.teammate, world.company)
    page = developer.get("/plan/")
    assert page.status_code == 200
    assert "Owners of the company can request" in text_of(page)
    assert developer.post("/plan/request/", {"tier": "pro"}).status_code == 403
    with tenant_context(world.tenant()):
        assert not TierRequest.objects.exists()


def test_unknown_tier_is_refused_on_the_form(world: World) -> None:
    owner = sign_in(world.owner, world.company)
    assert owner.post("/plan/request/", {"tier": "platinum"}).status_code == 422
    assert owner.post("/plan/request/", {"tier": "starter"}).status_code == 422
    assert owner.post("/plan/withdraw/").status_code == 404


def test_staff_have_read_only_access_to_billing(world: World, staff: Client) -> None:
    from tests.billing.factories import make_invoice, make_settled_charge

    invoice = make_invoice(world.tenant(), finalize=True)
    charge = make_settled_charge(world.tenant(), invoice=invoice, amount=100)
    with tenant_context(world.tenant()):
        refund = services.create_refund(charge=charge, actor=SYSTEM, full=True)
    for model, row in (
        ("customer", invoice.customer_id), ("invoice", invoice.id), ("charge", charge.id), ("refund", refund.id),
        ("companyplan", world.company.id), ("tierlimits", "starter"),
    ):  # fmt: skip
        assert staff.get(f"/staff/billing/{model}/").status_code == 200
        page = f"/staff/billing/{model}/{row}/change/"
        assert staff.get(page).status_code == 200, model
        assert staff.post(page, {"status": "void", "tier": "pro"}).status_code == 403
        assert staff.post(f"/staff/billing/{model}/{row}/delete/").status_code == 403
