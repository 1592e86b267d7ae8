"""Staff actions on a key are immediate and final; test_staff_admin.py covers what staff see."""

from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from apikeys.models import ApiKey
from apikeys.services import IssuedKey
from audit.models import AuditEntry
from core.tenancy import tenant_context
from tests.clients import ApiClient, sign_in
from tests.factories import World, make_user


@pytest.fixture
def staff() -> Client:
    user = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    return sign_in(user)


def test_staff_revocation_needs_a_reason_and_is_immediate_and_final(
    world: World,
    issue_key: Callable[..., IssuedKey],
    staff: Client,
    api: Callable[..., ApiClient],
    login: Callable[..., Client],
) -> None:
    issued = issue_key(world.company)
    client = api(issued.client_secret)
    assert client.get("/v1/whoami").status == 200
    chosen = {"action": "revoke", "_selected_action": [str(issued.key.id)]}
    assert "reason" in staff.post("/staff/apikeys/apikey/", chosen).content.decode().lower()
    assert client.get("/v1/whoami").status == 200
    staff.post(
        "/staff/apikeys/apikey/",
        {**chosen, "confirmed": "1", "named": world.company.slug, "reason": "Seen in a public repository."},
    )
    assert client.get("/v1/whoami").code == "key_revoked"
    with tenant_context(world.tenant()):
        key = ApiKey.objects.get()
        entry = AuditEntry.objects.get(action="api_key.revoked")
    assert key.revocation_reason == "staff"
    assert (entry.actor_kind, entry.detail["detail"]) == ("staff", "Seen in a public repository.")
    login(world.owner).post(f"/keys/{issued.client_id}/undo/")
    assert client.get("/v1/whoami").code == "key_revoked"


def test_staff_cannot_create_change_or_delete_keys(
    world: World, issue_key: Callable[..., IssuedKey], staff: Client
) -> None:
    issued = issue_key(world.company)
    page = f"/staff/apikeys/apikey/{issued.key.id}"
    assert staff.post(f"{page}/change/", {"name": "other"}).status_code == 403
    assert staff.post(f"{page}/delete/").status_code == 403
    assert staff.get("/staff/apikeys/apikey/add/").status_code == 403
