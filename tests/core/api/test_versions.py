"""API versions: requests for older versions keep working, and deprecated features are announced (docs/versions.md)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apikeys import usage
from apikeys.models import ApiKey
from apikeys.services import IssuedKey
from billing.api.views.customers import CustomerViewSet
from core.api import versions
from core.api.deprecation import Deprecation
from core.api.operations import deprecated_operations
from core.tenancy import system_context
from core.values import api_dates
from tests.clients import ApiClient, sign_in
from tests.factories import World
from tests.versions import FIRST, SECOND


def pin(key: Any, date: Any) -> None:
    with system_context(reason="tests"):
        ApiKey.objects.filter(id=key.id).update(api_version=date)


@pytest.fixture
def old_key(two_versions: Any, world: World, issue_key: Callable[..., IssuedKey]) -> IssuedKey:
    """A key that was made before the second version."""
    issued = issue_key(world.company, ["customers:read", "customers:write", "events:read"])
    pin(issued.key, FIRST)
    return issued


def test_key_is_pinned_to_the_newest_version_when_created(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company)

    answer = api(issued.client_secret).get("/v1/whoami")

    assert issued.key.api_version == versions.newest().date == api_dates.NEWEST == FIRST
    assert answer.json["key"]["api_version"] == FIRST
    assert answer.headers["Pomelo-Version"] == FIRST


def test_requests_for_the_first_version_keep_working(
    old_key: IssuedKey, api: Callable[..., ApiClient]
) -> None:
    client = api(old_key.client_secret)

    # Looks like an object of ours, and is none.
    metadata = {"object": "customer", "name": "Eve"}
    made = client.post("/v1/customers", {"full_name": "Ada", "metadata": metadata})
    changed = client.patch(f"/v1/customers/{made.json['id']}", {"full_name": "Ada King"})
    listed = client.get("/v1/customers")
    (event, *_) = client.get("/v1/events?type=customer.created").json["data"] or [None]

    assert (made.status, made.json["full_name"], made.headers["Pomelo-Version"]) == (201, "Ada", FIRST)
    assert (changed.json["full_name"], changed.json["metadata"]) == ("Ada King", metadata)
    assert [row["full_name"] for row in listed.json["data"]] == ["Ada King"]
    assert event is None or event["data"]["object"]["full_name"] == "Ada"
    # What the first version did not have is not taken in it.
    assert client.post("/v1/customers", {"name": 7}).code == "validation_failed"


def test_one_request_may_name_another_version(old_key: IssuedKey, api: Callable[..., ApiClient]) -> None:
    client = api(old_key.client_secret)

    newer = client.post("/v1/customers", {"name": "Ada"}, headers={"Pomelo-Version": SECOND})
    older = client.get(f"/v1/customers/{newer.json['id']}")

    assert (newer.json["name"], newer.headers["Pomelo-Version"]) == ("Ada", SECOND)
    assert (older.json["full_name"], older.headers["Pomelo-Version"]) == ("Ada", FIRST)


def test_if_match_takes_the_tag_of_the_version_that_was_read(
    old_key: IssuedKey, api: Callable[..., ApiClient]
) -> None:
    client = api(old_key.client_secret)
    read = client.post("/v1/customers", {"full_name": "Ada"})

    path = f"/v1/customers/{read.json['id']}"
    changed = client.patch(path, {"full_name": "Grace"}, headers={"If-Match": read.headers["ETag"]})

    assert (changed.status, changed.json["full_name"]) == (200, "Grace")


def test_replayed_response_keeps_its_version(old_key: IssuedKey, api: Callable[..., ApiClient]) -> None:
    client = api(old_key.client_secret)
    first = client.post("/v1/customers", {"full_name": "Ada"}, idempotency_key="one")

    again = client.post(
        "/v1/customers", {"name": "Ada"}, idempotency_key="one", headers={"Pomelo-Version": SECOND}
    )

    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.content, again.headers["Pomelo-Version"]) == (first.content, FIRST)


@pytest.mark.parametrize("named", ["", "2026-11-02", "latest", "2026-11-01\x00", "é", "x" * 300])
def test_unknown_version_is_refused_and_changes_nothing(
    named: str, world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    client = api(issue_key(world.company, ["customers:read", "customers:write"]).client_secret)

    answer = client.post("/v1/customers", {"name": "Ada"}, headers={"Pomelo-Version": named})

    assert (answer.status, answer.code) == (400, "unknown_version")
    assert answer.json["error"]["versions"] == [FIRST]
    assert client.get("/v1/customers").json["data"] == []


def test_unauthenticated_caller_sees_no_version(api: Callable[..., ApiClient]) -> None:
    answer = api("pm_live_nonsense").get("/v1/whoami", headers={"Pomelo-Version": "2020-01-01"})

    assert answer.code == "invalid_credentials"
    assert "Pomelo-Version" not in answer.headers


def deprecate(monkeypatch: Any, version: Any, **chosen: Any) -> Any:
    since = datetime(2027, 2, 1, tzinfo=UTC)
    found = Deprecation(
        since=since, sunset=since + timedelta(days=365), instead="Move to 2027-02-01.", **chosen
    )
    monkeypatch.setattr(type(version), "deprecation", found)
    return found


def test_deprecated_version_is_announced_and_its_callers_listed(
    old_key: IssuedKey,
    two_versions: Any,
    monkeypatch: pytest.MonkeyPatch,
    world: World,
    api: Callable[..., ApiClient],
) -> None:
    deprecate(monkeypatch, two_versions)

    old = api(old_key.client_secret).get("/v1/whoami")
    usage.BUFFER.flush()
    page = sign_in(world.owner, world.company).get(f"/keys/{old_key.client_id}/").content.decode()

    assert old.headers["Deprecation"] == "@1801440000"
    assert old.headers["Sunset"] == "Tue, 01 Feb 2028 00:00:00 GMT"
    assert 'rel="deprecation"' in old.headers["Link"]
    assert "This key uses deprecated features." in page
    assert "Move to 2027-02-01." in page


def test_key_on_a_newer_version_gets_no_deprecation_headers(
    old_key: IssuedKey, two_versions: Any, monkeypatch: pytest.MonkeyPatch, api: Callable[..., ApiClient]
) -> None:
    deprecate(monkeypatch, two_versions)

    answer = api(old_key.client_secret).get("/v1/whoami", headers={"Pomelo-Version": SECOND})

    assert not {"Deprecation", "Sunset", "Link"} & answer.headers.keys()


def test_after_its_sunset_a_version_cannot_be_named_and_its_keys_move_on(
    old_key: IssuedKey, two_versions: Any, monkeypatch: pytest.MonkeyPatch, api: Callable[..., ApiClient]
) -> None:
    ended = deprecate(monkeypatch, two_versions)
    monkeypatch.setattr("core.clock.now", lambda: ended.sunset)
    client = api(old_key.client_secret)

    named = client.get("/v1/whoami", headers={"Pomelo-Version": FIRST})
    unnamed = client.get("/v1/whoami")

    assert (named.code, named.json["error"]["versions"]) == ("unknown_version", [SECOND])
    assert (unnamed.status, unnamed.headers["Pomelo-Version"]) == (200, SECOND)


def test_deprecated_operation_is_announced_and_named_on_the_key_page(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Deprecation(since=datetime(2026, 12, 1, tzinfo=UTC), instead="Use `search`.")
    monkeypatch.setattr(CustomerViewSet, "deprecations", {"list": found})
    deprecated_operations.cache_clear()
    issued = issue_key(world.company)
    client = api(issued.client_secret)

    listed, other = client.get("/v1/customers"), client.get("/v1/whoami")
    usage.BUFFER.flush()
    browser = sign_in(world.owner, world.company)
    page = browser.get(f"/keys/{issued.client_id}/").content.decode()
    keys = browser.get("/keys/").content.decode()
    deprecated_operations.cache_clear()

    assert listed.headers["Deprecation"] == "@1796083200"
    assert "Sunset" not in listed.headers
    assert "Deprecation" not in other.headers
    assert "GET /v1/customers" in page
    assert "Uses deprecated features" in keys


def test_key_moves_to_another_version_on_its_page(
    old_key: IssuedKey, world: World, api: Callable[..., ApiClient]
) -> None:
    browser = sign_in(world.owner, world.company)
    edit = f"/keys/{old_key.client_id}/edit/"
    fields = {
        "name": "Ada",
        "scopes": ["customers:read"],
        "expiry": "never",
        "rate_limit": "60",
        "api_version": SECOND,
    }

    assert f'<option value="{FIRST}" selected>' in browser.get(edit).content.decode()
    assert browser.post(edit, {**fields, "api_version": "2020-01-01"}).status_code == 422
    assert browser.post(edit, fields).status_code == 302

    assert api(old_key.client_secret).get("/v1/whoami").headers["Pomelo-Version"] == SECOND


def test_sunset_before_deprecation_is_an_error() -> None:
    now = datetime(2027, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="sunset"):
        Deprecation(since=now, sunset=now - timedelta(days=1), instead="")
