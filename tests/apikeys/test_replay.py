"""A preview of how a change would have affected last week's requests."""

import uuid
from collections.abc import Callable
from typing import Any

from django.test import Client

from apikeys.replay import Reason, replay, required_scopes
from apikeys.selectors import get_key
from apikeys.services import IssuedKey
from core.tenancy import tenant_context
from tests.factories import World

CALLS = [
    ("203.0.113.7", "GET", "/v1/customers", 100),
    ("203.0.113.8", "GET", "/v1/customers", 20),
    ("203.0.113.7", "POST", "/v1/customers", 3),
    ("203.0.113.7", "GET", "/v1/whoami", 5),
    ("203.0.113.7", "HEAD", "/v1/customers/{id}", 2),
    ("203.0.113.7", "GET", "/v1/gone", 1),
]


def decided(networks: Any = (), scopes: Any = ("customers:read", "customers:write")) -> Any:
    return replay(CALLS, networks=networks, scopes=scopes, required=required_scopes())


def test_unchanged_restrictions_refuse_nothing() -> None:
    assert decided() == decided(networks=["203.0.113.0/24"])
    assert (decided().total, decided().refused, decided().reasons) == (131, 0, ())


def test_narrower_allowlist_lists_the_addresses_that_would_be_refused() -> None:
    result = decided(networks=["203.0.113.7/32"])
    assert (result.refused, result.reasons) == (
        20,
        (Reason("from 203.0.113.8, which is not in the list of addresses", 20),),
    )


def test_fewer_scopes_list_the_routes_that_need_them() -> None:
    result = decided(scopes=["customers:read"])
    assert result.reasons == (Reason("POST /v1/customers, which needs customers:write", 3),)
    assert decided(scopes=["events:read"]).refused == 125


def test_the_page_checks_against_the_log_and_saves_nothing(
    world: World, issue_key: Callable[..., IssuedKey], login: Callable[..., Client], settings: Any
) -> None:
    issued = issue_key(world.company, ["customers:read", "customers:write"])
    settings.KEY_CALLS = "tests.apikeys.test_replay.calls_of_key"
    form = {
        "name": "renamed",
        "scopes": ["customers:read"],
        "expiry": "never",
        "rate_limit": "60",
        "allowed_networks": "203.0.113.7",
        "check": "1",
    }
    browser = login(world.owner)
    response = browser.post(f"/keys/{issued.client_id}/edit/", form)
    page = response.content.decode()
    assert response.status_code == 200
    assert "23 of the 131 requests" in page
    assert "20: from 203.0.113.8" in page
    assert "3: POST /v1/customers, which needs customers:write" in page
    with tenant_context(world.tenant()):
        assert (get_key(issued.client_id).version, get_key(issued.client_id).name) == (1, "integration")
    broken = browser.post(f"/keys/{issued.client_id}/edit/", form | {"allowed_networks": "nonsense"})
    assert broken.status_code == 422


def test_the_page_reads_the_real_log(
    world: World, issue_key: Callable[..., IssuedKey], login: Callable[..., Client]
) -> None:
    issued = issue_key(world.company)
    form = {"name": "x", "scopes": ["customers:read"], "expiry": "never", "rate_limit": "60", "check": "1"}
    page = login(world.owner).post(f"/keys/{issued.client_id}/edit/", form).content.decode()
    assert "None of the 0 requests" in page


def calls_of_key(key: Any, *, since: Any) -> Any:
    """Stands for the request log."""
    assert isinstance(key, uuid.UUID)
    return CALLS
