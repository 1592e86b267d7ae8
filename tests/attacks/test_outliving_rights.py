"""Rights, promises and values are unusable after they have ended."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership
from accounts.roles import Role
from billing.models import TierRequest
from core import clock
from core.tenancy import tenant_context
from tests.accounts.test_pages import invite, member_of
from tests.apikeys.found_keys import entries_of, key_of, mails_to, report
from tests.attacks.staff import staff_browser
from tests.clients import ApiClient, random_address, sign_in
from tests.factories import World, join, make_key, make_user
from tests.webhooks.conftest import receiver
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import drain, make_endpoint

__all__ = ["receiver"]

CREDENTIAL = "receivers-own-password"


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]


def role_of(world: World, user: Any) -> str | None:
    with tenant_context(world.tenant()):
        found = Membership.objects.filter(user=user).first()
    return found.role if found else None


# --- invitations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fall", ["removed", "left", "demoted", "deactivated"])
def test_invitation_grants_no_more_than_its_sender_may_when_it_is_used(world: World, fall: str) -> None:
    admin, friend = make_user("admin"), make_user("friend")
    join(world.company, admin, Role.ADMIN)
    link = invite(sign_in(admin, world.company), friend.email, role="admin")
    owner, member = sign_in(world.owner, world.company), member_of(world, admin)

    if fall == "removed":
        owner.post(f"/team/{member.public_id}/remove/")
    elif fall == "left":
        sign_in(admin, world.company).post("/team/leave/")
    elif fall == "demoted":
        owner.post(f"/team/{member.public_id}/role/", {"role": "developer"})
    else:
        admin.is_active = False
        admin.save(update_fields=["is_active"])
    answer = sign_in(friend).post(link)

    assert answer.status_code in (404, 409)
    assert role_of(world, friend) is None
    assert sign_in(friend).get(link).status_code in (404, 200)


def test_invitation_of_a_demoted_sender_disappears_from_the_team_page(world: World) -> None:
    admin, friend = make_user("admin"), make_user("friend")
    join(world.company, admin, Role.ADMIN)
    invite(sign_in(admin, world.company), friend.email, role="admin")
    owner = sign_in(world.owner, world.company)
    assert friend.email in owner.get("/team/").content.decode()

    owner.post(f"/team/{member_of(world, admin).public_id}/remove/")

    assert friend.email not in owner.get("/team/").content.decode()


def test_invitation_of_an_authorized_sender_works(world: World) -> None:
    friend = make_user("friend")
    link = invite(sign_in(world.owner, world.company), friend.email, role="admin")

    assert sign_in(friend).post(link).status_code == 302
    assert role_of(world, friend) == "admin"


def test_tier_request_is_withdrawn_when_its_owner_leaves(world: World) -> None:
    second = make_user("second")
    join(world.company, second, Role.OWNER)
    sign_in(second, world.company).post("/plan/request/", {"tier": "pro"})
    with tenant_context(world.tenant()):
        wanted = TierRequest.objects.get()
    sign_in(world.owner, world.company).post(f"/team/{member_of(world, second).public_id}/remove/")

    staff_browser(superuser=True).post(
        "/staff/billing/tierrequest/",
        {
            "action": "apply",
            "_selected_action": [str(wanted.pk)],
            "confirmed": "1",
            "named": world.company.slug,
            "reason": "They asked for it.",
        },
    )

    with tenant_context(world.tenant()):
        assert type(world.company).objects.get().tier == "starter"


# --- webhooks: where they go, and what they carry -----------------------------------------------------------------------


def late(user: Any, world: World) -> Client:
    """Return the browser of somebody whose session was taken over: their login is long ago."""
    browser = sign_in(user, world.company)
    session = browser.session
    session["account_authentication_methods"] = [{"method": "password", "at": 1.0, "email": user.email}]
    session.save()
    return browser


def endpoint_with_credential(world: World, url: str) -> Any:
    endpoint, _ = make_endpoint(world.tenant(), url, events=["customer.*"], headers={"X-Token": CREDENTIAL})
    return endpoint


def writer(world: World) -> ApiClient:
    issued = make_key(
        world.company, scopes=["webhooks:read", "webhooks:write", "customers:read", "events:read"]
    )
    return ApiClient(issued.client_secret, ip=random_address())


def test_changing_an_endpoints_url_requires_a_recent_login(world: World, receiver: Receiver) -> None:
    endpoint = endpoint_with_credential(world, receiver.url)
    form = {"url": "https://example.com/taken", "events": ["customer.*"], "headers": ""}

    answer = late(world.owner, world).post(f"/webhooks/{endpoint.public_id}/edit/", form)

    assert answer.headers["Location"].startswith("/accounts/reauthenticate/")
    assert writer(world).get(f"/v1/webhook_endpoints/{endpoint.public_id}").json["url"] == f"{receiver.url}/"


@pytest.mark.parametrize("host", ["localhost", "other-port"])
def test_changing_the_host_drops_stored_headers(world: World, receiver: Receiver, host: str) -> None:
    with Receiver() as thief:
        endpoint = endpoint_with_credential(world, receiver.url)
        client = writer(world)
        path = f"/v1/webhook_endpoints/{endpoint.public_id}"
        port = thief.url.rpartition(":")[2]
        new = f"http://localhost:{port}" if host == "localhost" else thief.url

        moved = client.patch(path, {"url": new})
        client.post(f"{path}/test")
        drain()

        assert (moved.status, moved.json["headers"]) == (200, {})
        assert thief.received
        assert all(CREDENTIAL not in str(got.headers) for got in thief.received)


def test_changing_only_the_path_keeps_stored_headers(world: World, receiver: Receiver) -> None:
    endpoint = endpoint_with_credential(world, receiver.url)
    client = writer(world)
    path = f"/v1/webhook_endpoints/{endpoint.public_id}"

    moved = client.patch(path, {"url": f"{receiver.url}/elsewhere"})
    client.post(f"{path}/test")
    drain()

    assert moved.json["headers"] == {"X-Token": "[hidden]"}
    assert receiver.received[-1].headers["x-token"] == CREDENTIAL


def test_header_values_are_write_only(world: World, receiver: Receiver) -> None:
    client = writer(world)
    body = {"url": receiver.url, "events": ["customer.*"], "headers": {"X-Token": CREDENTIAL}}
    made = client.post("/v1/webhook_endpoints", body, idempotency_key="once")
    again = client.post("/v1/webhook_endpoints", body, idempotency_key="once")
    endpoint = made.json["id"]
    path = f"/v1/webhook_endpoints/{endpoint}"
    browser = sign_in(world.owner, world.company)

    seen = [
        made.content,
        again.content,
        client.get(path).content,
        client.get("/v1/webhook_endpoints").content,
        client.patch(path, {"description": "changed"}).content,
        browser.get(f"/webhooks/{endpoint}/").content,
        browser.get(f"/webhooks/{endpoint}/edit/").content,
        browser.get("/audit/").content,
    ]

    assert [CREDENTIAL in page.decode() for page in seen] == [False] * len(seen)
    assert made.json["headers"] == {"X-Token": "[hidden]"}


def test_read_headers_can_be_sent_back_unchanged(world: World, receiver: Receiver) -> None:
    endpoint = endpoint_with_credential(world, receiver.url)
    client = writer(world)
    path = f"/v1/webhook_endpoints/{endpoint.public_id}"

    client.patch(path, {"headers": {**client.get(path).json["headers"], "X-More": "1"}})
    client.post(f"{path}/test")
    drain()

    got = receiver.received[-1].headers
    assert (got["x-token"], got["x-more"]) == (CREDENTIAL, "1")
    refused = client.patch(path, {"headers": {"X-New": "[hidden]"}})
    assert (refused.status, refused.json["error"]["fields"][0]["field"]) == (400, "headers.X-New")
    moved = client.patch(path, {"url": "https://example.com/", "headers": {"X-Token": "[hidden]"}})
    assert (moved.status, moved.json["error"]["fields"][0]["field"]) == (400, "headers.X-Token")


def test_changed_value_is_stored(world: World, receiver: Receiver) -> None:
    endpoint = endpoint_with_credential(world, receiver.url)
    client = writer(world)
    path = f"/v1/webhook_endpoints/{endpoint.public_id}"

    client.patch(path, {"headers": {"X-Token": "the-next-one"}})
    client.post(f"{path}/test")
    drain()

    assert receiver.received[-1].headers["x-token"] == "the-next-one"


def test_form_keeps_hidden_header_values(world: World, receiver: Receiver) -> None:
    endpoint = endpoint_with_credential(world, receiver.url)
    page = f"/webhooks/{endpoint.public_id}/edit/"
    browser, client = sign_in(world.owner, world.company), writer(world)
    kept = {"url": receiver.url, "events": ["customer.*"], "headers": "X-Token: [hidden]"}

    assert "X-Token: [hidden]" in browser.get(page).content.decode()
    assert browser.post(page, kept).status_code == 302
    client.post(f"/v1/webhook_endpoints/{endpoint.public_id}/test")
    drain()
    assert receiver.received[-1].headers["x-token"] == CREDENTIAL
    moved = browser.post(page, {**kept, "url": "https://example.com/taken"})
    assert moved.status_code == 422
    assert "for this name and this host" in moved.content.decode()


# --- a report of a dead secret ------------------------------------------------------------------------------------------


def test_report_of_an_inactive_secret_does_not_suppress_the_next_report(world: World) -> None:
    issued = make_key(world.company)
    with tenant_context(world.tenant()):
        type(issued.key).objects.update(expires_at=clock.now() - timedelta(hours=1))
    report(issued.client_secret)
    assert len(entries_of(issued, "api_key.dead_secret_reported")) == 1
    with tenant_context(world.tenant()):
        type(issued.key).objects.update(expires_at=clock.now() + timedelta(days=30))

    report(issued.client_secret)

    assert key_of(world, issued).revoked_at is not None
    assert len(mails_to(world.owner)) == 1


def test_dead_secrets_are_reported_only_once(world: World) -> None:
    issued = make_key(world.company)
    with tenant_context(world.tenant()):
        type(issued.key).objects.update(expires_at=clock.now() - timedelta(hours=1))

    for _ in range(3):
        report(issued.client_secret)

    assert len(entries_of(issued, "api_key.dead_secret_reported")) == 1
