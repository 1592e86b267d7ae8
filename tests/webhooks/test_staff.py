"""Staff can view deliveries and resend one with a reason; secrets and responses are hidden."""

from typing import Any

from allauth.mfa.models import Authenticator

from tests.clients import sign_in
from tests.factories import World, make_customer, make_user
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import deliveries_of, drain, make_endpoint


def staff() -> Any:
    user = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    return sign_in(user)


def test_staff_can_resend_a_delivery_only_with_a_reason(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    drain()
    [delivery] = deliveries_of(endpoint)
    chosen = {"action": "send_again", "_selected_action": [str(delivery.id)]}
    browser = staff()

    asked = browser.post("/staff/webhooks/delivery/", chosen)
    drain()
    before = len(receiver.received)
    browser.post(
        "/staff/webhooks/delivery/",
        {**chosen, "confirmed": "1", "named": world.company.slug, "reason": "their server was down"},
    )
    drain()

    assert asked.status_code == 200
    assert (before, len(receiver.received)) == (1, 2)


def test_secrets_headers_and_answers_are_on_no_staff_page(world: World, receiver: Receiver) -> None:
    endpoint, secret = make_endpoint(world.tenant(), receiver.url, headers={"X-Token": "hunter2"})
    receiver.answer = (200, {}, b"private answer")
    make_customer(world.tenant())
    drain()
    [delivery] = deliveries_of(endpoint)
    browser = staff()

    for path in (f"endpoint/{endpoint.id}", f"delivery/{delivery.id}", "endpoint", "delivery", "attempt"):
        page = browser.get(f"/staff/webhooks/{path}/", follow=True)
        assert page.status_code == 200
        for hidden in (secret, "hunter2", "private answer"):
            assert hidden not in page.content.decode()
