"""The page of a request shows its bodies to those who may see them, or why there are none; the settings page configures it."""

import html
import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import Company
from accounts.roles import Role
from audit.days import day_of
from audit.ingest.body_writer import store as store_bodies
from audit.ingest.store import store
from audit.models import RequestBodies
from audit.partitions.tables import ensure_partitions
from audit.tasks import prune_bodies
from core import clock
from core.principal import Mode
from core.security import crypto
from core.tenancy import system_context, tenant_context
from core.values import ids
from tests.audit.kept_bodies import write_all
from tests.audit.rows import make_row
from tests.clients import ApiClient, random_address
from tests.factories import World, join, make_key, make_user

Login = Callable[..., Client]
WORDS = "Zebra crossing 4711"


def made(world: World, mode: Mode = "test", **body: Any) -> str:
    """Send a request whose bodies are kept, and return its id."""
    issued = make_key(world.company, ("customers:write",), mode=mode)
    answer = ApiClient(issued.client_secret, ip=random_address()).post(
        "/v1/customers", {"name": "N", "email": "a@a.example", "metadata": {"note": WORDS}, **body}
    )
    write_all()
    return str(answer.headers["X-Request-Id"])


def page_of(browser: Client, public_id: str, mode: Mode = "test") -> str:
    """Return the page of a request, in its mode."""
    answer = browser.get(f"/requests/{public_id}/?mode={mode}", follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def json_in(page: str, dom_id: str) -> str:
    """Return the text of a code block, without the spans that color it."""
    [code] = re.findall(rf'<code id="{dom_id}">(.*?)</code>', page, re.DOTALL)
    return html.unescape(re.sub(r"</?span[^>]*>", "", code))


def test_developers_see_both_bodies_as_json(world: World, login: Login) -> None:
    page = page_of(login(world.teammate), made(world, metadata={"note": WORDS, "password": "x"}))
    assert json_in(page, "request-body") == (
        '{\n  "name": "N",\n  "email": "a@a.example",\n'
        '  "metadata": {\n    "note": "Zebra crossing 4711",\n    "password": "[redacted]"\n  }\n}'
    )
    assert json.loads(json_in(page, "response-body"))["metadata"]["note"] == WORDS
    assert 'data-copy="request-body"' in page
    assert 'tabindex="0" role="region" aria-label="the request body"' in page


def test_markup_in_bodies_is_escaped(world: World, login: Login) -> None:
    page = page_of(login(world.owner), made(world, name="<script>alert(1)</script>"))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_viewers_do_not_see_bodies_and_are_told_why(world: World, login: Login) -> None:
    viewer = make_user("viewer")
    join(world.company, viewer, Role.VIEWER)
    page = page_of(login(viewer), made(world))
    assert WORDS not in page
    assert "Only developers, admins and owners see the bodies of requests." in page


@pytest.mark.parametrize("who", ["outsider", "staff"])
def test_outsiders_and_staff_do_not_see_bodies(world: World, login: Login, who: str) -> None:
    public_id = made(world)
    if who == "outsider":
        assert login(world.outsider).get(f"/requests/{public_id}/?mode=test", follow=True).status_code == 404
        return
    member = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=member, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    browser = login(member)
    for page in (f"/staff/audit/requestlog/{ids.decode('req', public_id)}/change/", "/staff/audit/"):
        assert WORDS not in browser.get(page, follow=True).content.decode()
    assert browser.get("/staff/audit/requestbodies/").status_code == 404


def test_request_page_of_the_other_mode_is_not_found(world: World, login: Login) -> None:
    assert login(world.owner).get(f"/requests/{made(world)}/").status_code == 404


def logged(world: World, mode: Mode, ago: timedelta = timedelta(0)) -> str:
    """Log a request without bodies, some time ago, and return its id."""
    moment = ids.first_id(clock.now() - ago)
    ensure_partitions([day_of(moment)])
    row_id = moment.hex[:12] + "7" + ids.new_id().hex[13:]
    assert store([make_row(world.company.id, id=row_id, mode=mode)]) == 1
    return ids.encode("req", uuid.UUID(row_id))


def set_times(world: World, **columns: Any) -> None:
    """Set when bodies are kept."""
    with system_context(reason="test"):
        Company.objects.filter(id=world.company.id).update(**columns)


def test_missing_bodies_are_explained(world: World, login: Login) -> None:
    browser, now = login(world.owner), clock.now()
    day, hour, minute = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
    link = 'href="/requests/bodies/"'

    page = page_of(browser, logged(world, "live"), "live")
    assert "Not kept: keeping the bodies of requests in live mode is off." in page
    assert link in page
    set_times(world, test_bodies_from=now - 30 * day)
    assert "Not written yet. Reload the page in a moment." in page_of(browser, logged(world, "test"))
    assert "Nothing was kept of this request" in page_of(browser, logged(world, "test", 5 * minute))
    page = page_of(browser, logged(world, "test", 7 * day + hour))
    assert "Bodies of requests in test mode are kept for 7 days at most. That time is over." in page
    set_times(world, test_bodies_from=now - 10 * minute, test_bodies_until=now - 5 * minute)
    assert "in test mode are kept only since" in page_of(browser, logged(world, "test", hour))
    assert "in test mode were kept until" in page_of(browser, logged(world, "test", minute))


def test_developers_are_not_offered_the_choice(world: World, login: Login) -> None:
    page = page_of(login(world.teammate), logged(world, "live"), "live")
    assert "is off." in page
    assert 'href="/requests/bodies/"' not in page
    assert login(world.teammate).get("/requests/bodies/").status_code == 403


def test_expired_bodies_are_hidden_before_they_are_pruned(
    world: World, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_id = made(world)
    browser = login(world.owner)
    soon = clock.now() + timedelta(days=7, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: soon)
    page = page_of(browser, public_id)
    assert WORDS not in page
    assert "That time is over." in page


def test_bodies_under_a_removed_field_key_are_explained(world: World, login: Login) -> None:
    public_id = made(world)
    token = b"gAAAAA" + crypto.encrypt(b"x")[6:-4] + b"AAA="
    with system_context(reason="test"):
        RequestBodies.objects.filter(id=ids.decode("req", public_id)).update(request=token)
    assert "a key that this Pomelo no longer has" in page_of(login(world.owner), public_id)


def test_owner_keeps_live_bodies_for_a_day_and_stops(world: World, login: Login) -> None:
    browser = login(world.owner)
    page = browser.get("/requests/bodies/").content.decode()
    assert "Keep bodies for 24 hours" in page
    assert "Kept until" not in page
    assert browser.post("/requests/bodies/live/keep/").status_code == 302
    public_id = made(world, "live")
    page = browser.get("/requests/bodies/").content.decode()
    assert "Kept until" in page
    assert "Stop now" in page
    assert "Kept in live mode until" in browser.get("/settings/").content.decode()
    assert WORDS in page_of(browser, public_id, "live")
    # when
    assert browser.post("/requests/bodies/live/stop/").status_code == 302
    # then what there is stays until it expires, and there is nothing new
    assert WORDS in page_of(browser, public_id, "live")
    assert WORDS not in page_of(browser, made(world, "live"), "live")


def test_stop_and_delete_removes_every_body(world: World, login: Login) -> None:
    browser = login(world.owner)
    public_id = made(world)
    confirmation = browser.get("/requests/bodies/test/delete/").content.decode()
    assert "cannot be brought back" in confirmation
    assert browser.post("/requests/bodies/test/delete/").status_code == 302
    assert WORDS not in page_of(browser, public_id)
    prune_bodies()
    with tenant_context(world.tenant("test")):
        assert RequestBodies.objects.count() == 0
    assert store_bodies_of(world, public_id) == 0
    assert "Keep bodies in test mode" in browser.get("/requests/bodies/").content.decode()


def store_bodies_of(world: World, public_id: str) -> int:
    """Deliver a request's bodies again, as a crashed writer's batch is."""
    token = crypto.encrypt(b"{}").decode()
    row = [
        ids.decode("req", public_id).hex,
        world.company.id.hex,
        "test",
        clock.now().timestamp(),
        token,
        token,
    ]
    return store_bodies([row])


@pytest.mark.parametrize("what", ["keep", "stop", "delete"])
@pytest.mark.parametrize("mode", ["test", "live"])
def test_only_admins_and_owners_change_what_is_kept(world: World, login: Login, what: str, mode: str) -> None:
    assert login(world.teammate).post(f"/requests/bodies/{mode}/{what}/").status_code == 403


def test_changing_what_is_kept_needs_a_recent_login_and_is_audited(world: World, login: Login) -> None:
    from audit.models import AuditEntry
    from core.operations.session_store import SessionStore

    browser = login(world.owner)
    assert browser.post("/requests/bodies/live/keep/").status_code == 302
    for mode in ("live", "test"):
        with tenant_context(world.tenant(mode)):  # type: ignore[arg-type]
            entry = AuditEntry.objects.get(action="company.request_bodies_changed")
        assert set(entry.changes) == {"live_bodies_from", "live_bodies_until"}
    session = SessionStore(browser.cookies["sessionid"].value)
    session["account_authentication_methods"] = [
        {"method": "password", "at": clock.now().timestamp() - 3600, "email": world.owner.email}
    ]
    session.save()
    answer = browser.post("/requests/bodies/live/delete/")
    assert answer.status_code == 302
    assert "reauthenticate" in answer["Location"]
    with system_context(reason="test"):
        assert Company.objects.get(id=world.company.id).live_bodies_from is not None
