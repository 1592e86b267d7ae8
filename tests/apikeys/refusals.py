"""Triggers for the refusals of authentication and of key pages (see tests.contracts.refusals)."""

from datetime import timedelta

from accounts.models import Company
from accounts.services import suspend_company
from apikeys.models import ApiKey
from apikeys.services import revoke_key
from core import clock
from core.tenancy import tenant_context
from tests.clients import ApiClient, random_address
from tests.contracts.refusing import ADA, Outcome, client_of, page, refusal
from tests.factories import SYSTEM, World, make_key


@refusal
def credential_in_query(world: World) -> Outcome:
    return ApiClient(ip=random_address()).get("/v1/whoami?api_key=mine")


@refusal
def missing_credentials(world: World) -> Outcome:
    return ApiClient(ip=random_address()).get("/v1/whoami")


@refusal
def invalid_credentials(world: World) -> Outcome:
    return ApiClient("pm_live_" + "a" * 38, ip=random_address()).get("/v1/whoami")


@refusal
def key_expired(world: World) -> Outcome:
    issued = make_key(world.company, expires_at=clock.now() + timedelta(days=1))
    with tenant_context(world.tenant()):
        ApiKey.objects.filter(id=issued.key.id).update(expires_at=clock.now() - timedelta(seconds=1))
    return ApiClient(issued.client_secret, ip=random_address()).get("/v1/whoami")


@refusal
def key_revoked(world: World) -> Outcome:
    issued = make_key(world.company)
    with tenant_context(world.tenant()):
        revoke_key(key=issued.key, actor=SYSTEM)
    return ApiClient(issued.client_secret, ip=random_address()).get("/v1/whoami")


@refusal
def company_suspended(world: World) -> Outcome:
    client = client_of(world)
    assert client.get("/v1/whoami").status == 200
    suspend_company(company=world.company, reason="unpaid", actor=SYSTEM)
    return client.get("/v1/whoami")


@refusal
def insufficient_scope(world: World) -> Outcome:
    return client_of(world, scopes=["customers:read"]).post("/v1/customers", ADA)


@refusal
def ip_not_allowed(world: World) -> Outcome:
    return client_of(world, allowed_networks=["203.0.113.0/24"]).get("/v1/whoami")


@refusal
def origin_not_allowed(world: World) -> Outcome:
    return client_of(world).get("/v1/whoami", headers={"Origin": "https://shop.example.com"})


@refusal
def rate_limited(world: World) -> Outcome:
    client = client_of(world, rate_limit=1)
    assert client.get("/v1/whoami").status == 200
    return client.get("/v1/whoami")


@refusal
def too_many_failures(world: World) -> Outcome:
    client = ApiClient(ip=random_address())
    answers = [client.get("/v1/whoami") for _ in range(22)]
    return answers[-1]


@refusal
def key_not_active(world: World) -> Outcome:
    issued = make_key(world.company)
    with tenant_context(world.tenant()):
        revoke_key(key=issued.key, actor=SYSTEM)
    return page(world, world.owner, f"/keys/{issued.client_id}/rotate/", overlap="none")


@refusal
def undo_refused(world: World) -> Outcome:
    issued = make_key(world.company)
    with tenant_context(world.tenant()):
        revoke_key(key=issued.key, actor=SYSTEM, reason=ApiKey.RevocationReason.LEAK)
    return page(world, world.owner, f"/keys/{issued.client_id}/undo/")


@refusal
def key_against_policy(world: World) -> Outcome:
    issued = make_key(world.company)
    with tenant_context(world.tenant()):
        Company.objects.filter(id=world.company.id).update(keys_need_networks=True)
    return page(world, world.owner, f"/keys/{issued.client_id}/rotate/", overlap="none")
