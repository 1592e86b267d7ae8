"""Management commands for keys."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apikeys.models import ApiKey
from apikeys.services import IssuedKey
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import World


def issue(world: World, capsys: Any, **options: Any) -> Any:
    call_command("issue_key", company=world.company.public_id, name="ci", **options)
    return capsys.readouterr()


def test_issue_key_prints_both_halves_once_and_the_key_works(
    world: World, api: Callable[..., ApiClient], capsys: pytest.CaptureFixture[str]
) -> None:
    output = issue(world, capsys, mode="live", scopes="customers:read,send_email")
    lines = dict(line.split(":", 1) for line in output.out.splitlines())
    answer = api(lines["client_secret"].strip(), client_id=lines["client_id"].strip()).get("/v1/whoami")
    assert answer.status == 200
    assert answer.json["scopes"] == ["customers:read", "email:send"]


def test_issue_key_takes_every_restriction_and_speaks_json(
    world: World, api: Callable[..., ApiClient], capsys: pytest.CaptureFixture[str]
) -> None:
    output = issue(
        world,
        capsys,
        mode="test",
        scopes="read-only",
        rate_limit=7,
        allowed_ips="203.0.113.0/24, 198.51.100.7",
        allowed_origins="https://app.example.com",
        expires_in_days=5,
        json=True,
    )
    printed = json.loads(output.out)
    assert set(printed) == {"client_id", "client_secret"}
    with tenant_context(world.tenant("test")):
        key = ApiKey.objects.get()
    assert key.public_id == printed["client_id"]
    assert (key.kind, key.rate_limit) == ("browser", 7)
    assert key.allowed_networks == ["203.0.113.0/24", "198.51.100.7/32"]
    assert 4 <= (key.expires_at - key.created).days <= 5
    client = api(printed["client_secret"], ip="203.0.113.5")
    answer = client.get("/v1/whoami", headers={"Origin": "https://app.example.com"})
    assert (answer.status, answer.json["mode"]) == (200, "test")


@pytest.mark.parametrize("json_wanted", [True, False])
def test_issue_key_warns_when_the_limit_is_capped(
    world: World, capsys: pytest.CaptureFixture[str], json_wanted: bool
) -> None:
    output = issue(world, capsys, mode="live", scopes="read-only", rate_limit=5000, json=json_wanted)
    assert "60 requests a minute" in output.err
    assert "5000" in output.err
    assert issue(world, capsys, mode="live", scopes="read-only", rate_limit=60, json=True).err == ""


def test_issue_key_finds_a_company_by_its_slug(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    call_command(
        "issue_key", company=world.company.slug, name="ci", mode="live", scopes="full-access", json=True
    )
    assert "client_id" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        {"company": "co_nonsense"},
        {"company": "no-such-company"},
        {"scopes": "customers:fly"},
        {"scopes": ","},
        {"allowed_ips": "10.0.0.5/8"},
        {"allowed_origins": "http://example.com"},
        {"rate_limit": 0},
        {"expires_in_days": 0},
        {"name": " "},
    ],
)
def test_issue_key_refuses_invalid_arguments_without_side_effects(
    world: World, wrong: dict[str, Any]
) -> None:
    options = {
        "company": world.company.public_id,
        "name": "ci",
        "mode": "live",
        "scopes": "customers:read",
        **wrong,
    }
    with pytest.raises(CommandError):
        call_command("issue_key", **options)
    with tenant_context(world.tenant()):
        assert ApiKey.objects.count() == 0


def test_revoke_key_ends_a_key_and_cannot_be_undone_by_the_company(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    login: Callable[..., Client],
    capsys: pytest.CaptureFixture[str],
) -> None:
    issued = issue_key(world.company)
    client = api(issued.client_secret)
    assert client.get("/v1/whoami").status == 200
    call_command("revoke_key", issued.client_id)
    assert f"{issued.client_id} is revoked." in capsys.readouterr().out
    assert client.get("/v1/whoami").code == "key_revoked"
    login(world.owner).post(f"/keys/{issued.client_id}/undo/")
    assert client.get("/v1/whoami").code == "key_revoked"
    call_command("revoke_key", issued.client_id)
    assert "already" in capsys.readouterr().out


@pytest.mark.parametrize("client_id", ["key_01m7znvjkse8rs7sxdmpen2yp9", "cus_x", "nonsense", ""])
def test_revoke_key_says_when_there_is_no_such_key(client_id: str) -> None:
    with pytest.raises(CommandError):
        call_command("revoke_key", client_id)
