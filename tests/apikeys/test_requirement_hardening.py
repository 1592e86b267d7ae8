"""The requirement documents on hardening and tenant isolation of keys: each test quotes the sentence it holds us to."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from apikeys import advisor
from apikeys.models import ApiKey
from apikeys.services import IssuedKey, revoke_key, rotate_key
from billing.models import Customer
from core import clock
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, make_customer, new_secret
from tests.isolation.ledger import changed, digest


def test_ip_allow_list_the_key_to_your_server_egress_ips(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "IP allow-list the key to your server egress IPs." """
    issued = issue_key(world.company, allowed_networks=["203.0.113.7"])
    assert api(issued.client_secret, ip="203.0.113.7").get("/v1/whoami").status == 200
    answer = api(issued.client_secret, ip="203.0.113.8").get("/v1/whoami")
    assert (answer.status, answer.code, answer.json["error"]["ip"]) == (403, "ip_not_allowed", "203.0.113.8")


def test_short_expiry_and_scheduled_rotation(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """ "Short expiry + scheduled rotation." / "Long-lived API keys increase risk if compromised." """
    issued = issue_key(world.company, expires_at=clock.now() + timedelta(seconds=30), rotation_days=30)
    client = api(issued.client_secret)
    assert client.get("/v1/whoami").status == 200
    real = __import__("time").time
    monkeypatch.setattr("time.time", lambda: real() + 31)
    answer = client.get("/v1/whoami")
    assert (answer.status, answer.code) == (401, "key_expired")
    assert advisor.rotation_state(issued.key, clock.now() + timedelta(days=30)).is_due


def test_one_key_per_integration_so_you_can_revoke_one_without_affecting_others(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "One key per integration, so you can revoke one without affecting others." """
    one, other = issue_key(world.company, name="one"), issue_key(world.company, name="other")
    with tenant_context(world.tenant()):
        revoke_key(key=one.key, actor=SYSTEM)
    assert api(one.client_secret).get("/v1/whoami").code == "key_revoked"
    assert api(other.client_secret).get("/v1/whoami").status == 200


def test_key_is_bound_to_one_company_and_no_parameter_can_change_it(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "A key is bound to one company." / "No parameter can change the company a key operates on." """
    foreign = make_customer(world.other_tenant())
    issued = issue_key(world.company, ["customers:read", "customers:write"])
    client = api(issued.client_secret)
    other = world.other_company
    for name in ("company", "company_id", "tenant", "account"):
        for value in (other.public_id, str(other.id), other.slug):
            client.get(f"/v1/customers?{name}={value}")
            client.post("/v1/customers", {"name": "Ada", name: value})
    for header in ("X-Company", "X-Company-Id", "X-Tenant", "Pomelo-Company", "Host"):
        answer = client.get(
            "/v1/customers", headers={header: "localhost" if header == "Host" else other.public_id}
        )
        assert answer.status == 200
        assert foreign.public_id not in str(answer.json)
    assert client.get(f"/v1/customers/{foreign.public_id}").status == 404
    with tenant_context(world.other_tenant()):
        assert Customer.objects.count() == 1
        assert ApiKey.objects.count() == 0


def test_the_server_sets_the_tenant_from_the_key_on_every_request(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "The server sets the tenant context from the key on every request; queries cannot cross into another company's data." """
    ours, theirs = make_customer(world.tenant()), make_customer(world.other_tenant())
    first, second = issue_key(world.company), issue_key(world.other_company)
    for _ in range(3):
        for issued, own in ((first, ours), (second, theirs)):
            answer = api(issued.client_secret).get("/v1/customers")
            assert [customer["id"] for customer in answer.json["data"]] == [own.public_id]


def test_unused_keys_are_flagged_so_that_they_can_be_revoked(
    world: World, issue_key: Callable[..., IssuedKey], login: Callable[..., Client]
) -> None:
    """ "Rotation schedule in place; unused keys revoked." """
    issued = issue_key(world.company, name="forgotten")
    with tenant_context(world.tenant()):
        past = clock.now() - timedelta(days=31)
        ApiKey.objects.filter(id=issued.key.id).update(created=past)
    page = login(world.owner).get("/keys/").content.decode()
    assert "1 key has not been used for 30 days" in page
    detail = login(world.owner).get(f"/keys/{issued.client_id}/").content.decode()
    assert "Not used for 31 days" in detail


def test_the_restrictions_survive_a_rotation(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "Key scoped to the minimum resources + actions needed." A new secret is no way around it."""
    issued = issue_key(world.company, ["customers:read"], allowed_networks=["203.0.113.7"])
    with tenant_context(world.tenant()):
        second = rotate_key(key=issued.key, overlap=timedelta(0), secret=new_secret(), actor=SYSTEM)
    assert api(second.client_secret).get("/v1/whoami").code == "ip_not_allowed"
    inside = api(second.client_secret, ip="203.0.113.7")
    assert inside.get("/v1/whoami").json["scopes"] == ["customers:read"]


def test_the_dashboard_shows_the_security_checklist(
    world: World, issue_key: Callable[..., IssuedKey], login: Callable[..., Client]
) -> None:
    """ "Secret stored server-side (env / secret manager) — never in client code or git." /
    "Key scoped to the minimum resources + actions needed." /
    "Browser keys restricted by allowed origins; secret never exposed to the browser." /
    "Idempotency-Key sent on every create/charge/send." / "Webhook signatures verified." /
    "Rotation schedule in place; unused keys revoked." Each line is answered from what the keys really are."""
    issue_key(world.company, ["customers:write"], name="open", rotation_days=None)
    page = login(world.owner).get("/").content.decode()
    assert "Security checklist" in page
    for title, state in (
        ("Secrets stored server-side", "Open"),
        ("Keys have the least scopes they need", "Not applicable"),  # the key was not used yet
        ("Keys bound to your servers and sites", "Attention"),
        ("Idempotency-Key on every create, charge and send", "Open"),
        ("Webhook signatures verified", "Not applicable"),  # there is no endpoint
        ("A rotation schedule is in place", "Attention"),
        ("Unused keys revoked", "Done"),
    ):
        assert f'visually-hidden">{state}: </span>{title}<' in page, title
    assert "In the environment or a secret manager, never in client code or git." in page


def test_leaked_key_does_the_least_damage(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "a leaked or misused key causes the least possible damage": it reads what it was made for, from where it was made
    for, and can neither make nor change keys, people or the company."""
    make_customer(world.tenant())
    leaked = issue_key(world.company, ["customers:read"], allowed_networks=["203.0.113.7"])
    thief, inside = api(leaked.client_secret), api(leaked.client_secret, ip="203.0.113.7")
    assert thief.get("/v1/customers").code == "ip_not_allowed"
    assert inside.get("/v1/customers").status == 200
    before = digest(world.tenant())
    for path in ("/v1/customers", "/v1/invoices", "/v1/charges", "/v1/messages", "/v1/webhook_endpoints"):
        assert inside.post(path, {}).code == "insufficient_scope", path
    for path in ("/v1/api_keys", "/v1/keys", "/v1/company", "/v1/members", "/keys/", "/team/", "/settings/"):
        assert inside.get(path).status in (302, 404), path
    touched = changed(before, digest(world.tenant()))
    assert [table for table in touched if not table.startswith(("audit_", "apikeys_"))] == []
    with tenant_context(world.tenant()):
        assert ApiKey.objects.count() == 1
