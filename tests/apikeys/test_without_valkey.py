"""Valkey stopped: three failure modes, no unverified access, and recovery without a restart (docs/architecture.md, Keys)."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import call_command
from django.test import Client

from accounts.services import suspend_company
from apikeys import attempts, authentication, grants, keys
from apikeys.services import IssuedKey, revoke_key, rotate_key
from billing.models import Customer
from core.engines.valkey import Valkey
from core.tenancy import tenant_context
from core.valkey import commands, fences
from tests.clients import ApiClient, sign_in
from tests.engines import private_valkey
from tests.factories import SYSTEM, World, make_user, new_secret


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with private_valkey() as started:
        yield started


@pytest.fixture
def own_valkey(server: Valkey, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Valkey this test may stop; the process forgets what it knew from another one."""
    settings.VALKEY_URL = server.url
    # No pause between attempts, so that the test need not wait for one.
    monkeypatch.setattr(commands, "PAUSE_SECONDS", 0.0)
    grants.COPIES.clear()
    authentication._local.clear()
    attempts._local.clear()
    yield server
    server.restart()
    grants.COPIES.clear()


@pytest.fixture
def issued(world: World, issue_key: Callable[..., IssuedKey]) -> IssuedKey:
    return issue_key(world.company, ["customers:read", "customers:write"], rate_limit=5)


@pytest.mark.parametrize("warm", [True, False], ids=["known key", "key never seen"])
def test_local_mode_limits_per_process(
    own_valkey: Any, issued: IssuedKey, api: Callable[..., ApiClient], settings: Any, warm: bool
) -> None:
    settings.RATE_LIMIT_FAILURE_MODE = "local"
    client = api(issued.client_secret)
    if warm:
        assert client.get("/v1/whoami").status == 200
    own_valkey.stop()
    answers = [client.get("/v1/whoami") for _ in range(7)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 2
    assert '"key";q=5' in answers[0].headers["RateLimit-Policy"]
    assert answers[-1].code == "rate_limited"
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_open_mode_serves_without_a_limit(
    own_valkey: Any, issued: IssuedKey, api: Callable[..., ApiClient], settings: Any
) -> None:
    settings.RATE_LIMIT_FAILURE_MODE = "open"
    own_valkey.stop()
    client = api(issued.client_secret)
    assert {client.get("/v1/whoami").status for _ in range(20)} == {200}


def test_closed_mode_serves_nobody_and_changes_nothing(
    own_valkey: Any, world: World, issued: IssuedKey, api: Callable[..., ApiClient], settings: Any
) -> None:
    settings.RATE_LIMIT_FAILURE_MODE = "closed"
    own_valkey.stop()
    answer = api(issued.client_secret).post("/v1/customers", {"name": "Ada"})
    assert (answer.status, answer.code) == (503, "temporarily_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    with tenant_context(world.tenant()):
        assert Customer.objects.count() == 0


@pytest.mark.parametrize("mode", ["local", "open", "closed"])
def test_no_failure_mode_admits_an_unverified_key(
    own_valkey: Any,
    world: World,
    issued: IssuedKey,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    settings: Any,
    mode: str,
) -> None:
    settings.RATE_LIMIT_FAILURE_MODE = mode
    revoked, rotated = issue_key(world.company), issue_key(world.company)
    elsewhere = issue_key(world.company, allowed_networks=["192.0.2.1"])
    for key in (revoked, rotated, elsewhere):
        api(key.client_secret).get("/v1/whoami")
    own_valkey.stop()
    with tenant_context(world.tenant()):
        change = revoke_key(key=revoked.key, actor=SYSTEM)
        rotation = rotate_key(key=rotated.key, overlap=timedelta(0), secret=new_secret(), actor=SYSTEM)
    # The caller is told that the cache could not be.
    assert (change.effect.immediate, rotation.effect.immediate) == (False, False)
    for secret, code in (
        (keys.generate("live").text, "invalid_credentials"),
        ("nonsense", "invalid_credentials"),
        (None, "missing_credentials"),
        (revoked.client_secret, "key_revoked"),
        (rotated.client_secret, "key_revoked"),
        (elsewhere.client_secret, "ip_not_allowed"),
    ):
        assert api(secret).get("/v1/whoami").code == code, code


def test_failures_are_still_counted_by_address(own_valkey: Any, api: Callable[..., ApiClient]) -> None:
    own_valkey.stop()
    client = api()
    assert [client.get("/v1/whoami").status for _ in range(22)] == [401] * 20 + [429] * 2


def test_limits_recover_without_a_restart_when_valkey_returns(
    own_valkey: Any, issued: IssuedKey, api: Callable[..., ApiClient]
) -> None:
    client = api(issued.client_secret)
    own_valkey.stop()
    assert client.get("/v1/whoami").status == 200
    own_valkey.restart()
    assert client.get("/v1/whoami").status == 200
    names = commands.client().keys(f"*bucket:key:{issued.key.id.hex}")
    assert len(names) == 1
    statuses = [client.get("/v1/whoami").status for _ in range(6)]
    assert statuses == [200] * 4 + [429] * 2


def test_restarted_empty_valkey_admits_no_revoked_key(
    own_valkey: Any, world: World, issued: IssuedKey, api: Callable[..., ApiClient]
) -> None:
    client = api(issued.client_secret)
    assert client.get("/v1/whoami").status == 200
    own_valkey.stop()
    with tenant_context(world.tenant()):
        revoke_key(key=issued.key, actor=SYSTEM)
    own_valkey.restart()
    commands.client().flushall()
    assert client.get("/v1/whoami").code == "key_revoked"


def test_revoke_key_warns_when_valkey_is_unreachable(
    own_valkey: Any, issued: IssuedKey, capsys: pytest.CaptureFixture[str]
) -> None:
    own_valkey.stop()
    call_command("revoke_key", issued.client_id)
    output = capsys.readouterr()
    assert "is revoked" in output.out
    assert "60 more seconds" in output.err


def test_dashboard_warns_when_valkey_is_unreachable(
    own_valkey: Any, world: World, issued: IssuedKey, login: Callable[..., Client]
) -> None:
    browser = login(world.owner)
    own_valkey.stop()
    browser.post(f"/keys/{issued.client_id}/revoke/", {})
    page = browser.get(f"/keys/{issued.client_id}/").content.decode()
    assert "up to 60 seconds" in page


def test_suspending_a_company_warns_staff_when_valkey_is_unreachable(
    own_valkey: Any, world: World, issued: IssuedKey, api: Callable[..., ApiClient]
) -> None:
    """The Effect of a company's change was thrown away: a suspension that other processes do not know looked done."""
    staff = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    browser = sign_in(staff)
    undelivered = fences.INVALIDATION_FAILURES._value.get()
    own_valkey.stop()
    why = {"confirmed": "1", "named": world.company.slug, "reason": "unpaid invoices"}
    chosen = {"action": "suspend", "_selected_action": [str(world.company.id)], **why}
    page = browser.post("/staff/accounts/company/", chosen, follow=True).content.decode()
    assert "up to 60 seconds" in page
    assert fences.INVALIDATION_FAILURES._value.get() == undelivered + 1
    assert api(issued.client_secret).get("/v1/whoami").code == "company_suspended"


def test_changing_a_plan_warns_when_valkey_is_unreachable(own_valkey: Any, world: World) -> None:
    own_valkey.stop()
    with fences.collecting_undelivered() as undelivered:
        suspend_company(company=world.company, reason="unpaid", actor=SYSTEM)
    assert [effect.immediate for effect in undelivered] == [False]
