"""The requirement documents on browser use: each test quotes the sentence it holds us to."""

from collections.abc import Callable

import pytest

from apikeys.models import ApiKey
from apikeys.services import IssuedKey, KeySettings, create_key
from core.errors import FieldErrors
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, new_secret

APP = "https://app.example.com"


def test_browser_key_must_set_allowed_origins(world: World) -> None:
    """ "A browser key must set allowed origins (CORS allow-list)" / "Browser keys restricted by allowed origins" """
    with tenant_context(world.tenant()), pytest.raises(FieldErrors) as refused:
        create_key(
            chosen=KeySettings(name="x", scopes=["customers:read"], kind="browser"),
            secret=new_secret(),
            actor=SYSTEM,
        )
    assert [(field.field, field.code) for field in refused.value.fields] == [("allowed_origins", "required")]
    with tenant_context(world.tenant()):
        assert ApiKey.objects.count() == 0


def test_other_origins_are_rejected(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "other origins are rejected" """
    client = api(issue_key(world.company, kind="browser", allowed_origins=[APP]).client_secret)
    assert client.get("/v1/customers", headers={"Origin": APP}).status == 200
    answer = client.get("/v1/customers", headers={"Origin": "https://other.example"})
    assert (answer.status, answer.code) == (403, "origin_not_allowed")
    # The page may read why, in words that are the same for every key; nothing else.
    assert answer.json["error"] == {
        "code": "origin_not_allowed",
        "message": "This origin may not use the key",
        "origin": "https://other.example",
    }


@pytest.mark.parametrize("scope", ["customers:write", "messaging:send"])
def test_the_wildcard_is_discouraged_for_any_key_that_can_write_or_send(world: World, scope: str) -> None:
    """ "Wildcard * is discouraged for any key that can write or send." It needs a confirmed warning."""
    chosen = {"name": "x", "scopes": [scope], "kind": "browser", "allowed_origins": ["*"]}
    with tenant_context(world.tenant()):
        with pytest.raises(FieldErrors) as refused:
            create_key(chosen=KeySettings(**chosen), secret=new_secret(), actor=SYSTEM)
        assert refused.value.fields[0].code == "wildcard_needs_confirmation"
        assert "every website" in refused.value.fields[0].message
        create_key(chosen=KeySettings(**chosen, wildcard_confirmed=True), secret=new_secret(), actor=SYSTEM)
        create_key(
            chosen=KeySettings(**chosen | {"scopes": ["customers:read"]}), secret=new_secret(), actor=SYSTEM
        )


def test_the_secret_of_a_server_key_stays_server_side(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "For anything beyond public read endpoints, proxy through your backend so the secret stays server-side." /
    "secret never exposed to the browser": a server key that arrives from a browser is refused."""
    issued = issue_key(world.company)
    answer = api(issued.client_secret).get("/v1/customers", headers={"Origin": APP})
    assert (answer.status, answer.code) == (403, "origin_not_allowed")
