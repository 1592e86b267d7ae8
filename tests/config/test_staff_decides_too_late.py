"""Staff act on a row that is deleted concurrently, by its company or by retention."""

from typing import Any

import pytest
from django.contrib.messages import get_messages

from billing.models import TierRequest
from core.tenancy import tenant_context
from core.ui.staff import ReasonForm
from core.values import ids
from messaging.models import Reputation, SmsSender
from tests.attacks.staff import staff_browser
from tests.factories import World
from tests.webhooks.samples import make_delivery
from webhooks.models import Delivery


def a_sender(world: World) -> Any:
    return SmsSender.objects.create(sender="Acme", sender_normalized="acme", reason="ours")


def a_reputation(world: World) -> Any:
    return Reputation.objects.create(state=Reputation.State.PAUSED)


def a_delivery(world: World) -> Any:
    return Delivery.objects.get(id=ids.decode("dlv", make_delivery(world.tenant())))


def a_tier_request(world: World) -> Any:
    return TierRequest.objects.create(company=world.company, tier="enterprise")


@pytest.mark.parametrize(
    ("make", "page", "action", "permission"),
    [
        (a_sender, "messaging/smssender", "approve", "messaging.approve_smssender"),
        (a_sender, "messaging/smssender", "reject", "messaging.reject_smssender"),
        (a_reputation, "messaging/reputation", "lift", "messaging.lift_reputation"),
        (a_delivery, "webhooks/delivery", "send_again", "webhooks.resend_delivery"),
        (a_tier_request, "billing/tierrequest", "apply", "billing.apply_tierrequest"),
        (a_tier_request, "billing/tierrequest", "decline", "billing.decline_tierrequest"),
    ],
)
def test_object_deleted_concurrently_is_reported_as_gone(
    world: World, monkeypatch: pytest.MonkeyPatch, make: Any, page: str, action: str, permission: str
) -> None:
    with tenant_context(world.tenant()):
        row = make(world)
    model: Any = type(row)
    browser = staff_browser(permission, f"{page.split('/')[0]}.view_{page.split('/')[1]}")

    def delete_first(self: ReasonForm, owners: Any) -> bool:
        with tenant_context(world.tenant()):
            model.objects.filter(id=row.id).delete()
        return True

    monkeypatch.setattr(ReasonForm, "confirms_owner", delete_first)
    form = {"action": action, "_selected_action": [str(row.pk)], "confirmed": "1"}
    form |= {"named": world.company.slug, "reason": "asked for by phone"}

    answer = browser.post(f"/staff/{page}/", form)

    assert answer.status_code == 302
    (expected,) = get_messages(answer.wsgi_request)
    assert expected.level_tag == "error"
    assert "no longer exists" in expected.message
