"""The list of keys: search, filters, sorting, usage; bulk revocation, rotation and restoration."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership
from apikeys import hashers
from apikeys.models import ApiKey, ApiKeySecret
from apikeys.selectors import get_key
from apikeys.services import IssuedKey
from audit.ingest.store import store
from core import clock
from core.background.heavy import PER_COMPANY, acquire_slot
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.audit.rows import make_row
from tests.clients import ApiClient
from tests.factories import World, join, make_user

pytestmark = pytest.mark.usefixtures("template_contexts")

SECRET = re.compile(r"pm_live_[0-9A-Za-z]{38}")


def change(world: World, issued: Any, **columns: Any) -> None:
    with tenant_context(world.tenant()):
        ApiKey.objects.filter(id=issued.key.id).update(**columns)


def names(browser: Any, query: str = "") -> list[str]:
    response = browser.get(f"/keys/?{query}")
    assert response.status_code == 200
    return [row["key"].name for row in response.context["rows"]]


@pytest.fixture
def browser(world: World, login: Callable[..., Client]) -> Client:
    return login(world.owner, world.company)


@pytest.fixture
def made(world: World, issue_key: Callable[..., IssuedKey], browser: Client) -> dict[str, Any]:
    """A key of each state, by its name."""
    now = clock.now()
    old = {"created": now - timedelta(days=60), "last_used_at": now - timedelta(days=40)}
    states: dict[str, dict[str, Any]] = {
        "fresh": {"last_used_at": now},
        "unused": old,
        "expired": {"expires_at": now - timedelta(days=1)},
        "expiring": {"expires_at": now + timedelta(days=3), "created": now - timedelta(minutes=1)},
        "revoked": {"revoked_at": now, "revocation_reason": "user"},
        "orphaned": {"created_by": "usr_01h2xcejqtf2nbrexx3vqjhp41"},
    }
    found = {}
    for name, columns in states.items():
        scopes = ["customers:read"] if name != "fresh" else ["invoices:read"]
        found[name] = issue_key(world.company, scopes, name=name)
        change(world, found[name], **columns)
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"fresh", "unused", "expired", "expiring", "revoked", "orphaned"}),
        ("state=working", {"fresh", "unused", "expiring", "orphaned"}),
        ("state=unused", {"unused"}),
        ("state=expired", {"expired"}),
        ("state=expiring", {"expiring"}),
        ("state=revoked", {"revoked"}),
        ("state=orphaned", {"orphaned"}),
        ("state=rotating", set()),
        ("state=nonsense", {"fresh", "unused", "expired", "expiring", "revoked", "orphaned"}),
        ("scope=invoices:read", {"fresh"}),
        ("q=EXPIR", {"expired", "expiring"}),
        ("q=key_nonsense", set()),
    ],
)
def test_each_filter_restricts_the_list(
    made: dict[str, Any], browser: Client, query: str, expected: Any
) -> None:
    assert set(names(browser, query)) == expected


def test_key_is_found_by_its_id_and_by_the_visible_part_of_a_secret(
    made: dict[str, Any], browser: Client
) -> None:
    issued = made["unused"]
    for text in (issued.client_id, issued.client_secret[:16], issued.client_secret[-4:]):
        assert "unused" in names(browser, f"q={text}")
    assert names(browser, f"q={issued.client_id}") == ["unused"]


def test_the_list_is_sorted_both_ways_and_paged_both_ways(made: dict[str, Any], browser: Client) -> None:
    by_name = sorted(made)
    assert names(browser, "sort=name") == by_name
    assert names(browser, "sort=-name") == by_name[::-1]
    assert len(names(browser, "sort=no_such_column")) == 6

    seen, address = [], "/keys/?sort=name&limit=2"
    while address:
        response = browser.get(address)
        seen.append([row["key"].name for row in response.context["rows"]])
        page = response.context["page"]
        following = page.following
        address = following and f"/keys/?sort=name&limit=2&starting_after={following}"
        last = page
    assert seen == [by_name[:2], by_name[2:4], by_name[4:]]
    assert names(browser, f"sort=name&limit=2&ending_before={last.previous}") == by_name[2:4]


def test_orphaned_key_is_marked_in_the_list_and_on_its_page(
    world: World, made: dict[str, Any], browser: Client, issue_key: Callable[..., IssuedKey]
) -> None:
    left = make_user("left")
    join(world.company, left, "developer")
    kept = issue_key(world.company, name="kept")
    change(world, kept, created_by=left.public_id)
    assert names(browser, "state=orphaned") == ["orphaned"]

    with tenant_context(world.tenant()):
        Membership.objects.filter(user=left).delete()

    assert set(names(browser, "state=orphaned")) == {"orphaned", "kept"}
    assert "creator has left" in browser.get(f"/keys/{kept.client_id}/").content.decode().lower()


def test_list_shows_the_usage_of_each_key(
    world: World, browser: Client, issue_key: Callable[..., IssuedKey]
) -> None:
    key = issue_key(world.company).key
    store([make_row(world.company.id, key=key.id.hex) for _ in range(3)])

    response = browser.get("/keys/")

    assert [row["requests"] for row in response.context["rows"]] == [3]
    assert 'aria-label="3 requests in 14 days"' in response.content.decode()


def test_several_keys_are_revoked_by_one_confirmation_and_restored_by_another(
    world: World, browser: Client, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    keys = [issue_key(world.company, name=name) for name in ("one", "two", "three")]
    chosen = [issued.client_id for issued in keys[:2]]

    asked = browser.get("/keys/selected/revoke/", {"key": chosen}).content.decode()
    assert "Revoke 2 keys" in asked
    assert api(keys[0].client_secret).get("/v1/whoami").status == 200
    browser.post("/keys/selected/revoke/", {"key": chosen})

    assert [api(issued.client_secret).get("/v1/whoami").status for issued in keys] == [401, 401, 200]
    with tenant_context(world.tenant()):
        assert OutboxEvent.objects.filter(type="api_key.revoked", object_id__in=chosen).count() == 2

    browser.post("/keys/selected/undo/", {"key": chosen})
    assert [api(issued.client_secret).get("/v1/whoami").status for issued in keys] == [200, 200, 200]


def test_keys_in_use_are_rotated_with_an_overlap_by_default(
    world: World, browser: Client, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    keys = sorted(
        (issue_key(world.company, name=name) for name in ("one", "two")), key=lambda one: one.key.id
    )
    chosen = [issued.client_id for issued in keys]
    asked = browser.get("/keys/selected/rotate/", {"key": chosen}).content.decode()
    assert re.search(r'value="none"[^>]* checked', asked)
    change(world, keys[1], last_used_at=clock.now())
    asked = browser.get("/keys/selected/rotate/", {"key": chosen}).content.decode()
    assert re.search(r'value="24h"[^>]* checked', asked)

    answer = browser.post("/keys/selected/rotate/", {"key": chosen, "overlap": "24h"})

    assert answer.headers["Cache-Control"] == "no-store"
    secrets = list(dict.fromkeys(SECRET.findall(answer.content.decode())))
    assert len(secrets) == 2
    for issued, new in zip(keys, secrets, strict=True):
        assert api(new).get("/v1/whoami").json["key"]["client_id"] == issued.client_id
        assert api(issued.client_secret).get("/v1/whoami").status == 200


@pytest.mark.parametrize(
    ("path", "keys", "fields"),
    [
        ("rotate", ["revoked", "fresh"], {"overlap": "none"}),
        ("rotate", ["fresh"], {"overlap": "forever"}),
        ("rotate", [], {"overlap": "none"}),
        ("undo", ["fresh"], {}),
        ("revoke", [], {}),
    ],
)
def test_one_key_that_cannot_be_changed_cancels_the_bulk_change(
    world: World,
    made: dict[str, Any],
    browser: Client,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    keys: list[Any],
    fields: dict[str, Any],
) -> None:
    forbid_hashing(monkeypatch)
    with tenant_context(world.tenant()):
        before = sorted(ApiKeySecret.objects.values_list("id", "revoked_at", "key__revoked_at"))

    answer = browser.post(
        f"/keys/selected/{path}/", {"key": [made[name].client_id for name in keys], **fields}
    )

    assert answer.status_code in (302, 422)
    with tenant_context(world.tenant()):
        assert sorted(ApiKeySecret.objects.values_list("id", "revoked_at", "key__revoked_at")) == before


def forbid_hashing(monkeypatch: Any) -> None:
    """No secret is hashed for what is refused: twenty of them take seconds of a processor."""

    def hashed(text: str) -> None:
        raise AssertionError("a secret was hashed")

    monkeypatch.setattr(hashers, "make_verifier", hashed)


def test_rotating_keys_without_a_free_slot_is_refused_and_changes_nothing(
    world: World, made: dict[str, Any], browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_hashing(monkeypatch)
    places = [acquire_slot(world.company.id) for _ in range(PER_COMPANY)]
    answer = browser.post(
        "/keys/selected/rotate/", {"key": [made["fresh"].client_id], "overlap": "none"}, follow=True
    )
    for place in places:
        place.leave()
    assert "Too many documents, exports and secrets are being generated right now." in answer.content.decode()
    with tenant_context(world.tenant()):
        assert ApiKeySecret.objects.filter(key=made["fresh"].key.id).count() == 1


def test_foreign_key_among_the_selected_is_not_found_and_none_is_changed(
    world: World, browser: Client, issue_key: Callable[..., IssuedKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, foreign = issue_key(world.company), issue_key(world.other_company)
    forbid_hashing(monkeypatch)
    for path in ("revoke", "rotate"):
        answer = browser.post(
            f"/keys/selected/{path}/", {"key": [own.client_id, foreign.client_id], "overlap": "none"}
        )
        assert answer.status_code == 404
    with tenant_context(world.tenant()):
        assert get_key(own.client_id).revoked_at is None


def test_bulk_change_of_too_many_keys_is_refused_with_their_number(world: World, browser: Client) -> None:
    answer = browser.post(
        "/keys/selected/rotate/", {"key": [f"key_{n}" for n in range(21)], "overlap": "none"}, follow=True
    )
    assert "Select at most 20 keys at a time; 21 are selected." in answer.content.decode()


def test_viewer_cannot_select_keys_and_developer_cannot_undo(
    world: World, login: Callable[..., Client], issue_key: Callable[..., IssuedKey]
) -> None:
    issued = issue_key(world.company)
    viewer = make_user("viewer")
    join(world.company, viewer, "viewer")
    assert 'name="key"' not in login(viewer, world.company).get("/keys/").content.decode()
    assert (
        login(viewer, world.company).post("/keys/selected/revoke/", {"key": issued.client_id}).status_code
        == 403
    )
    developer = login(world.teammate, world.company)
    assert developer.post("/keys/selected/undo/", {"key": issued.client_id}).status_code == 403
