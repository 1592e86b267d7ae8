"""Key pages: permissions, the secret shown once, and every change effective and audited."""

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apikeys.models import ApiKey
from apikeys.selectors import get_key, list_keys
from apikeys.services import IssuedKey, revoke_key
from apikeys.usage import BUFFER
from core import clock
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, join, make_user

SECRET = re.compile(r"pm_(?:live|test)_[0-9A-Za-z]{38}")
FORM = {
    "name": "billing worker",
    "kind": "server",
    "scopes": ["customers:read", "customers:write"],
    "expiry": "90",
    "rotation_days": "90",
    "rate_limit": "60",
    "allowed_networks": "203.0.113.0/24\n198.51.100.7",
}


def create(browser: Any, **changes: Any) -> Any:
    return browser.post("/keys/new/", {**FORM, **changes})


def events_of(world: World, client_id: Any) -> Any:
    with tenant_context(world.tenant()):
        return list(
            OutboxEvent.objects.filter(object_id=client_id).order_by("id").values_list("type", flat=True)
        )


def test_browser_key_form_starts_without_scopes(world: World, login: Callable[..., Client]) -> None:
    # given the form as a link to a browser key opens it
    page = login(world.owner, world.company).get("/keys/new/?kind=browser").content.decode()
    # then the kind is chosen, and what strangers may read is not
    assert re.findall(r'<input type="checkbox" name="scopes" value="([^"]+)"[^>]* checked', page) == []
    assert re.search(r'<input type="radio" name="kind" value="browser"[^>]* checked', page)


def test_secret_page_of_a_browser_key_explains_it_and_its_sample_works(
    world: World, login: Callable[..., Client], api: Callable[..., ApiClient]
) -> None:
    form = {**FORM, "kind": "browser", "allowed_networks": "", "allowed_origins": "https://*.shop.example"}
    page = html.unescape(
        create(login(world.owner), **{**form, "scopes": ["customers:read"]}).content.decode()
    )
    (secret,) = set(SECRET.findall(page))

    assert "never in code, a browser page" not in page
    (origin,) = re.findall(r'-H "Origin: ([^"]+)"', page)
    client = api(secret)
    assert client.get("/v1/whoami").code == "origin_not_allowed"
    assert client.get("/v1/whoami", headers={"Origin": origin}).status == 200


def test_custom_expiry_day_is_used_and_a_contradictory_choice_refused(
    world: World, login: Callable[..., Client]
) -> None:
    browser = login(world.owner)
    day = (clock.now() + timedelta(days=10)).date()

    create(browser, name="by day", expiry="90", expires_on=day.isoformat())
    refused = create(browser, name="both", expiry="never", expires_on=day.isoformat())

    with tenant_context(world.tenant()):
        assert ApiKey.objects.get(name="by day").expires_at.date() == day
        assert not ApiKey.objects.filter(name="both").exists()
    assert refused.status_code == 422
    assert "Clear the day" in refused.content.decode()


def test_limit_above_the_plan_is_refused_and_a_former_higher_limit_shown_as_capped(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    browser = login(world.owner)
    refused = create(browser, rate_limit="5000")
    assert refused.status_code == 422
    assert "Your plan allows 60 requests a minute." in refused.content.decode()

    kept = issue_key(world.company, FORM["scopes"], name="billing worker", rate_limit=5000)
    assert "capped at 60 by your plan" in browser.get(f"/keys/{kept.client_id}/").content.decode()
    unchanged = {**FORM, "allowed_networks": "", "rate_limit": "5000", "expiry": "never"}
    assert browser.post(f"/keys/{kept.client_id}/edit/", unchanged).status_code == 302


def test_the_secret_of_a_revoked_key_is_not_called_active(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    issued = issue_key(world.company)
    browser = login(world.owner)
    browser.post(f"/keys/{issued.client_id}/revoke/", {"leaked": ""})

    page = browser.get(f"/keys/{issued.client_id}/").content.decode()

    states = re.findall(r'data-label="State"><div><span class="[^"]*">([^<]+)<', page)
    assert states == ["Revoked"]


def test_history_shows_edits_revocations_and_undos(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    issued = issue_key(world.company, FORM["scopes"])
    browser = login(world.owner)
    browser.post(
        f"/keys/{issued.client_id}/edit/",
        {**FORM, "name": "renamed", "allowed_networks": "", "expiry": "never"},
    )
    browser.post(f"/keys/{issued.client_id}/revoke/", {"leaked": ""})
    browser.post(f"/keys/{issued.client_id}/undo/")

    page = browser.get(f"/keys/{issued.client_id}/").content.decode()

    line = page[page.index('<ol class="timeline">') :]
    titles = re.findall(r'<span><a href="/audit/aud_\w+/">([^<]+)</a></span>', line)
    assert titles == ["Revocation undone", "Revoked", "Edited", "Created"]
    assert f"by {world.owner.display_name}" in line


def test_created_key_is_shown_once_and_works_immediately(
    world: World, login: Callable[..., Client], api: Callable[..., ApiClient]
) -> None:
    browser = login(world.owner)
    response = create(browser, allowed_networks="")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    (secret,) = set(SECRET.findall(response.content.decode()))
    answer = api(secret).get("/v1/whoami")
    assert answer.status == 200
    assert answer.json["scopes"] == ["customers:read", "customers:write"]
    client_id = answer.json["key"]["client_id"]
    for path in ("/keys/", f"/keys/{client_id}/", f"/keys/{client_id}/edit/", f"/keys/{client_id}/rotate/"):
        page = browser.get(path).content.decode()
        assert secret not in page
        assert not SECRET.search(page)
    assert "billing worker" in browser.get("/keys/").content.decode()
    assert events_of(world, client_id) == ["api_key.created"]


def test_form_shows_service_errors_and_creates_nothing(world: World, login: Callable[..., Client]) -> None:
    browser = login(world.owner)
    for changes, text in (
        ({"allowed_networks": "10.0.0.5/8"}, "host bits"),
        ({"allowed_networks": "nonsense"}, "is not an IPv4 or IPv6"),
        ({"name": ""}, "required"),
        ({"scopes": []}, "required"),
        ({"rate_limit": "0"}, "Between 1 and"),
        ({"rate_limit": "9" * 30}, "Between 1 and"),
        ({"expiry": "custom"}, "Choose a day"),
        ({"expiry": "custom", "expires_on": "2001-01-01"}, "in the future"),
        ({"kind": "browser", "allowed_origins": ""}, "must name the origins"),
        ({"kind": "browser", "allowed_origins": "http://example.com"}, "not encrypted"),
        ({"kind": "browser", "allowed_origins": "*"}, "every website can use this key"),
        ({"allowed_origins": "https://a.example"}, "Only browser keys"),
        ({"name": "a\x00b"}, "Must not contain line breaks"),
    ):
        response = create(browser, **changes)
        assert response.status_code == 422, changes
        assert text in response.content.decode(), changes
    with tenant_context(world.tenant()):
        assert list_keys().count() == 0


def test_wildcard_with_writes_needs_a_confirmed_warning(world: World, login: Callable[..., Client]) -> None:
    browser = login(world.owner)
    response = create(
        browser, kind="browser", allowed_origins="*", confirm_wildcard="on", allowed_networks=""
    )
    assert response.status_code == 200
    response = create(browser, kind="browser", allowed_origins="*", scopes=["customers:read"])
    assert response.status_code == 200


def test_editing_takes_effect_immediately_and_is_audited_with_before_and_after(
    world: World,
    login: Callable[..., Client],
    api: Callable[..., ApiClient],
    issue_key: Callable[..., IssuedKey],
) -> None:
    issued = issue_key(world.company, ["customers:read", "customers:write"])
    client = api(issued.client_secret)
    assert client.post("/v1/customers", {"name": "Ada"}).status == 201
    browser = login(world.teammate)
    response = browser.post(
        f"/keys/{issued.client_id}/edit/",
        {**FORM, "scopes": ["customers:read"], "allowed_networks": "", "expiry": "never"},
    )
    assert response.status_code == 302
    answer = client.post("/v1/customers", {"name": "Bob"})
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert events_of(world, issued.client_id) == ["api_key.created", "api_key.updated"]


def test_saving_an_unchanged_form_changes_nothing(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    expires = clock.now() + timedelta(days=5)
    issued = issue_key(world.company, FORM["scopes"], name="billing worker", expires_at=expires)
    response = login(world.owner).post(
        f"/keys/{issued.client_id}/edit/",
        {**FORM, "allowed_networks": "", "expiry": "custom", "expires_on": expires.date().isoformat()},
    )
    assert response.status_code == 302
    with tenant_context(world.tenant()):
        assert (get_key(issued.client_id).version, get_key(issued.client_id).expires_at) == (1, expires)
    assert events_of(world, issued.client_id) == ["api_key.created"]


def test_rotation_without_overlap_ends_the_old_secret_immediately(
    world: World,
    login: Callable[..., Client],
    api: Callable[..., ApiClient],
    issue_key: Callable[..., IssuedKey],
) -> None:
    issued = issue_key(world.company)
    old = api(issued.client_secret)
    assert old.get("/v1/whoami").status == 200
    response = login(world.owner).post(f"/keys/{issued.client_id}/rotate/", {"overlap": "none"})
    (secret,) = set(SECRET.findall(response.content.decode()))
    assert response.headers["Cache-Control"] == "no-store"
    answer = old.get("/v1/whoami")
    assert (answer.status, answer.code) == (401, "key_revoked")
    answer = api(secret).get("/v1/whoami")
    assert (answer.status, answer.json["key"]["client_id"]) == (200, issued.client_id)


def test_overlap_lets_both_work_and_can_be_cut_short(
    world: World,
    login: Callable[..., Client],
    api: Callable[..., ApiClient],
    issue_key: Callable[..., IssuedKey],
) -> None:
    issued = issue_key(world.company)
    browser = login(world.owner)
    response = browser.post(f"/keys/{issued.client_id}/rotate/", {"overlap": "24h"})
    (new,) = set(SECRET.findall(response.content.decode()))
    old_answer = api(issued.client_secret).get("/v1/whoami")
    assert old_answer.status == 200
    assert old_answer.headers["Pomelo-Secret-Ends"].endswith("Z")
    new_answer = api(new).get("/v1/whoami")
    assert new_answer.status == 200
    assert "Pomelo-Secret-Ends" not in new_answer.headers
    assert "rotating" in browser.get("/keys/").content.decode().lower()
    assert browser.post(f"/keys/{issued.client_id}/end-overlap/").status_code == 302
    assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"
    assert api(new).get("/v1/whoami").status == 200
    assert events_of(world, issued.client_id) == [
        "api_key.created",
        "api_key.rotated",
        "api_key.overlap_ended",
    ]


def test_revoke_and_undo_within_the_hour(
    world: World,
    login: Callable[..., Client],
    api: Callable[..., ApiClient],
    issue_key: Callable[..., IssuedKey],
) -> None:
    issued = issue_key(world.company)
    client, browser = api(issued.client_secret), login(world.owner)
    assert browser.post(f"/keys/{issued.client_id}/revoke/", {}).status_code == 302
    assert client.get("/v1/whoami").code == "key_revoked"
    assert browser.post(f"/keys/{issued.client_id}/undo/").status_code == 302
    assert client.get("/v1/whoami").status == 200
    assert events_of(world, issued.client_id) == ["api_key.created", "api_key.revoked", "api_key.restored"]


def test_undo_is_refused_after_an_hour_after_a_leak_and_after_staff(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    browser = login(world.owner)
    late, leaked, by_staff = (issue_key(world.company) for _ in range(3))
    with tenant_context(world.tenant()):
        revoke_key(key=late.key, actor=SYSTEM)
        ApiKey.objects.filter(id=late.key.id).update(revoked_at=clock.now() - timedelta(minutes=61))
        revoke_key(key=by_staff.key, actor=SYSTEM, reason="staff")
    browser.post(f"/keys/{leaked.client_id}/revoke/", {"leaked": "on"})
    for issued in (late, leaked, by_staff):
        response = browser.post(f"/keys/{issued.client_id}/undo/", follow=True)
        assert "cannot be undone" in response.content.decode() or "too long ago" in response.content.decode()
        with tenant_context(world.tenant()):
            assert get_key(issued.client_id).revoked_at is not None


@pytest.mark.parametrize("page", ["", "edit/", "rotate/", "revoke/"])
def test_every_page_of_a_key_opens(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey], page: str
) -> None:
    issued = issue_key(world.company)
    assert login(world.owner).get(f"/keys/{issued.client_id}/{page}").status_code == 200


def test_another_companys_key_is_not_found_and_untouched(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    issued = issue_key(world.company)
    browser = login(world.outsider)
    for page in ("", "edit/", "rotate/", "revoke/"):
        assert browser.get(f"/keys/{issued.client_id}/{page}").status_code == 404
    for action in ("rotate", "revoke", "end-overlap", "undo", "edit"):
        assert browser.post(f"/keys/{issued.client_id}/{action}/", FORM).status_code == 404
    with tenant_context(world.tenant()):
        key = get_key(issued.client_id)
    assert (key.version, key.revoked_at, key.secrets.count() if False else len(key.secrets.all())) == (
        1,
        None,
        1,
    )


def test_viewer_sees_keys_but_cannot_change_them(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    viewer = make_user("viewer")
    join(world.company, viewer, "viewer")
    issued = issue_key(world.company)
    browser = login(viewer)
    page = browser.get("/keys/")
    assert page.status_code == 200
    assert "Create key" not in page.content.decode()
    assert create(browser).status_code == 403
    for action in ("rotate", "revoke", "end-overlap", "undo", "edit"):
        assert browser.post(f"/keys/{issued.client_id}/{action}/", FORM).status_code == 403
    with tenant_context(world.tenant()):
        assert (list_keys().count(), get_key(issued.client_id).version) == (1, 1)


def test_developer_cannot_undo_only_an_owner_can(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    issued = issue_key(world.company)
    browser = login(world.teammate)
    browser.post(f"/keys/{issued.client_id}/revoke/", {})
    assert browser.post(f"/keys/{issued.client_id}/undo/").status_code == 403


def test_create_rotate_and_revoke_ask_for_a_recent_login(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    issued = issue_key(world.company)
    browser = login(world.owner)
    session = browser.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": 1.0, "email": world.owner.email}
    ]
    session.save()
    for path in (
        "/keys/new/",
        *(f"/keys/{issued.client_id}/{page}/" for page in ("rotate", "revoke", "edit", "undo")),
    ):
        response = browser.post(path, FORM)
        assert response.status_code == 302
        assert "reauthenticate" in response.headers["Location"]
    with tenant_context(world.tenant()):
        assert (list_keys().count(), get_key(issued.client_id).version) == (1, 1)


def test_keys_of_the_other_mode_are_not_listed(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    issue_key(world.company, name="only-live")
    issue_key(world.company, name="only-test", mode="test")
    page = login(world.owner).get("/keys/").content.decode()
    assert "only-live" in page
    assert "only-test" not in page


def test_key_page_shows_when_each_scope_was_last_needed(
    world: World,
    login: Callable[..., Client],
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
) -> None:
    issued = issue_key(world.company, ["customers:read", "events:read"])
    assert api(issued.client_secret).get("/v1/customers").status == 200
    BUFFER.flush()

    page = login(world.owner).get(f"/keys/{issued.client_id}/").content.decode()

    needed = re.findall(r'badge-code">([a-z:]+)</span></td>.*?Last needed"[^>]*>(.*?)</td>', page, re.DOTALL)
    assert [name for name, _ in needed] == ["customers:read", "events:read"]
    assert "just now" in needed[0][1]
    assert "Not yet" in needed[1][1]


@pytest.mark.parametrize(("days", "badge"), [(29, None), (31, "Unused 30 days"), (91, "Unused 90 days")])
def test_unused_key_is_flagged_after_30_and_after_90_days(
    world: World,
    login: Callable[..., Client],
    issue_key: Callable[..., IssuedKey],
    days: int,
    badge: str | None,
) -> None:
    issued = issue_key(world.company)
    with tenant_context(world.tenant()):
        ApiKey.objects.filter(id=issued.key.id).update(created=clock.now() - timedelta(days=days))

    page = login(world.owner).get("/keys/").content.decode()

    assert re.findall(r">(Unused \d+ days)<", page) == ([badge] if badge else [])


@pytest.mark.parametrize(("scope", "warned"), [("customers:read", False), ("messaging:send", True)])
def test_creating_a_browser_key_that_can_send_shows_a_warning(
    world: World, login: Callable[..., Client], scope: str, warned: bool
) -> None:
    form = {
        "name": "x", "kind": "browser", "scopes": [scope], "expiry": "90", "rate_limit": "60",
        "allowed_origins": "https://shop.example",
    }  # fmt: skip
    page = login(world.owner).post("/keys/new/", form).content.decode()

    assert "Store the secret now" in page
    assert ("This browser key can write or send." in page) is warned
