"""A refused request explains the problem, and a button fixes the key."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.roles import Role
from apikeys.models import ApiKey
from apikeys.selectors import get_key
from audit.ingest import buffer
from audit.ingest.writer import Writer
from audit.models import AuditEntry
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import World, join, make_key, make_user

Login = Callable[..., Client]


def refused(client: ApiClient, method: str, path: str, body: object = None) -> str:
    """Send a request, and return the page of its line in the log."""
    answer = client.request(method, path, body)
    assert answer.status >= 400
    assert buffer.BUFFER.flush()
    Writer("test").drain(seconds=30)
    return f"/requests/{answer.headers['X-Request-Id']}/"


def fix_of(html: str) -> tuple[str, dict[str, str], str]:
    """Return where the first fix is posted, its fields, and what its button says."""
    found = re.search(
        r'action="(/requests/[^"]+/fix/)".*?name="kind" value="([^"]+)".*?name="value" value="([^"]+)">([^<]+)<',
        html,
        re.DOTALL,
    )
    assert found is not None
    return found[1], {"kind": found[2], "value": found[3]}, found[4]


def test_missing_scope_is_added_by_one_button(world: World, login: Login) -> None:
    issued = make_key(world.company, scopes=["customers:read"], name="worker")
    client = ApiClient(issued.client_secret)
    page = refused(client, "POST", "/v1/customers", {"name": "Ada"})
    browser = login(world.teammate, world.company)

    action, fields, label = fix_of(browser.get(page).content.decode())
    assert label == "Give this key customers:write"
    done = browser.post(action, fields, follow=True)

    assert "worker now has customers:write." in done.content.decode()
    assert client.post("/v1/customers", {"name": "Ada"}).status == 201
    with tenant_context(world.tenant()):
        entry = AuditEntry.objects.get(action="api_key.updated", target_id=issued.client_id)
    assert entry.actor_id == world.teammate.public_id
    assert "already has what this request needs" in browser.post(action, fields, follow=True).content.decode()


def test_address_is_added_to_the_allowlist(world: World, login: Login) -> None:
    issued = make_key(world.company, allowed_networks=["192.0.2.0/24"])
    page = refused(ApiClient(issued.client_secret, ip="203.0.113.9"), "GET", "/v1/customers")
    browser = login(world.owner, world.company)

    action, fields, label = fix_of(browser.get(page).content.decode())
    assert label == "Allow 203.0.113.9 for this key"
    browser.post(action, fields)

    with tenant_context(world.tenant()):
        assert sorted(get_key(issued.client_id).allowed_networks) == ["192.0.2.0/24", "203.0.113.9/32"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "scope", "value": "charges:write"},
        {"kind": "address", "value": "0.0.0.0/0"},
        {"kind": "", "value": ""},
    ],
)
def test_only_what_the_request_needs_can_be_added(world: World, login: Login, wanted: dict[str, str]) -> None:
    issued = make_key(world.company, scopes=["customers:read"])
    page = refused(ApiClient(issued.client_secret), "POST", "/v1/customers", {"name": "Ada"})

    login(world.owner, world.company).post(f"{page}fix/", wanted)

    with tenant_context(world.tenant()):
        assert ApiKey.objects.get(id=issued.key.id).version == 1


def test_viewer_sees_the_advice_without_a_button(world: World, login: Login) -> None:
    issued = make_key(world.company, scopes=["customers:read"])
    page = refused(ApiClient(issued.client_secret), "POST", "/v1/customers", {"name": "Ada"})
    viewer = make_user("viewer")
    join(world.company, viewer, Role.VIEWER)

    html = login(viewer, world.company).get(page).content.decode()

    assert "Refused" in html
    assert "/fix/" not in html
    wanted = {"kind": "scope", "value": "customers:write"}
    assert login(viewer, world.company).post(f"{page}fix/", wanted).status_code == 403


def test_refused_fields_are_shown_with_code_and_message(world: World, login: Login) -> None:
    issued = make_key(world.company, scopes=["customers:write", "audit:read"])
    client = ApiClient(issued.client_secret)
    page = refused(client, "POST", "/v1/customers", {"name": "", "email": "no address"})

    html = login(world.owner, world.company).get(page).content.decode()

    fields = re.findall(r"<li><code>(\w+)</code>: (.+?) <span[^>]*>(\w+)</span></li>", html)
    assert {name for name, _, _ in fields} == {"name", "email"}
    answered = client.get(f"/v1/request_logs/{page.split('/')[2]}").json
    assert {step["field"]: step["code"] for step in answered["trace"] if "field" in step} == {
        name: code for name, _, code in fields
    }
