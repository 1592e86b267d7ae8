"""Keys on the staff site: shown without secrets, and revoked with a reason that the company sees."""

from allauth.mfa.models import Authenticator
from django.test import Client

from apikeys.models import ApiKey, ApiKeySecret
from audit.models import AuditEntry
from core.tenancy import tenant_context
from tests.clients import sign_in
from tests.factories import World, make_key, make_user


def staff_browser() -> Client:
    user = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    return sign_in(user)


def test_staff_see_a_key_without_its_secret(world: World) -> None:
    issued = make_key(world.company, name="visible-name")
    with tenant_context(world.tenant()):
        secret = ApiKeySecret.objects.get(key=issued.key)
    browser = staff_browser()

    listed = browser.get("/staff/apikeys/apikey/?q=visible-name").content.decode()
    page = browser.get(f"/staff/apikeys/apikey/{issued.key.id}/change/").content.decode()

    assert "visible-name" in listed
    assert issued.key.public_id in page
    for hidden in (issued.client_secret, secret.encoded_hash, secret.fingerprint, secret.locator):
        assert hidden not in listed + page


def test_staff_revoke_with_a_reason_only(world: World) -> None:
    issued, other = make_key(world.company), make_key(world.company)
    browser = staff_browser()
    chosen = {"action": "revoke", "_selected_action": [str(issued.key.id)]}

    browser.post("/staff/apikeys/apikey/", chosen)
    with tenant_context(world.tenant()):
        assert ApiKey.objects.get(id=issued.key.id).revoked_at is None
    why = {"confirmed": "1", "named": world.company.slug, "reason": "seen in a public gist"}
    browser.post("/staff/apikeys/apikey/", {**chosen, **why})

    with tenant_context(world.tenant()):
        key = ApiKey.objects.get(id=issued.key.id)
        assert key.revoked_at is not None
        assert key.revocation_reason == ApiKey.RevocationReason.STAFF
        assert ApiKey.objects.get(id=other.key.id).revoked_at is None
        entry = AuditEntry.objects.get(action="api_key.revoked", target_id=key.public_id)
    assert entry.actor_kind == "staff"
    assert entry.detail["detail"] == "seen in a public gist"
