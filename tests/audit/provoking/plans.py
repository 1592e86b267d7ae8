"""A company's tier and limits: asked for by its owner, decided by staff."""

from billing.models import TierLimits, TierRequest
from billing.services import change_tier, set_tier_limits
from core.tenancy import tenant_context
from tests.audit.provoking.scene import Scene, Written, provokes
from tests.factories import SYSTEM

PLANS, REQUESTS = "billing/companyplan", "billing/tierrequest"


def ask(scene: Scene) -> TierRequest:
    assert scene.owner.post("/plan/request/", {"tier": "pro"}).status_code == 302
    with tenant_context(scene.world.tenant()):
        found: TierRequest = TierRequest.objects.get()
    return found


@provokes("company.tier_requested")
def requested(scene: Scene) -> Written:
    ask(scene)
    return scene.by_owner()


@provokes("company.tier_request_withdrawn")
def withdrawn(scene: Scene) -> Written:
    ask(scene)
    assert scene.owner.post("/plan/withdraw/").status_code == 302
    return scene.by_owner()


@provokes("company.tier_request_declined")
def declined(scene: Scene) -> Written:
    scene.act_as_staff(REQUESTS, "decline", ask(scene))
    return scene.by_staff(where={"detail__reason": "asked for by phone"})


@provokes("company.tier_changed")
def tier_changed(scene: Scene) -> Written:
    scene.act_as_staff(PLANS, "change_tier", scene.world.company, tier="pro")
    return scene.by_staff(where={"detail__reason": "asked for by phone"})


@provokes("company.limits_overridden")
def limits_overridden(scene: Scene) -> Written:
    scene.act_as_staff(PLANS, "override_limits", scene.world.company, requests_per_minute="7")
    return scene.by_staff(where={"detail__reason": "asked for by phone"})


def change_limits_of_tier(scene: Scene) -> dict[str, list[int]]:
    """Let staff change a limit of a tier, and put it back: the tiers are every test's. Returns the change."""
    tier = TierLimits.objects.get(tier="enterprise")
    before = tier.sms_per_day
    scene.act_as_staff("billing/tierlimits", "set_limits", tier, sms_per_day=str(before + 1))
    set_tier_limits(tier=tier.tier, limits={"sms_per_day": before}, reason="end of the test", actor=SYSTEM)
    return {"sms_per_day": [before, before + 1]}


@provokes("tier.limits_changed")
def tier_limits_changed(scene: Scene) -> Written:
    changes = change_limits_of_tier(scene)
    member = scene.staff_member.public_id
    return Written(("staff", member), where={"actor_id": member, "changes": changes})


@provokes("company.limits_changed")
def company_limits_changed(scene: Scene) -> Written:
    change_tier(company=scene.world.company, tier="enterprise", reason="grew", actor=SYSTEM)
    return scene.by_staff(where={"changes": change_limits_of_tier(scene)})
