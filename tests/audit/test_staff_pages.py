"""The audit trail and request log on the staff site: read-only, across companies, with every view audited."""

import uuid
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.events import CompanyUpdated
from accounts.models import User
from audit.admin import MOST_COUNTED
from audit.ingest.store import store
from audit.models import AuditEntry, RequestLog, StaffEntry, UnownedRequest
from core.events import publish
from core.tenancy import system_context, tenant_context
from core.values import ids
from tests.audit.rows import make_row
from tests.clients import random_address, sign_in
from tests.factories import SYSTEM, World, make_user

pytestmark = pytest.mark.usefixtures("template_contexts")

MODELS = {
    "auditentry": AuditEntry,
    "staffentry": StaffEntry,
    "requestlog": RequestLog,
    "unownedrequest": UnownedRequest,
}


@pytest.fixture
def staff_member() -> User:
    user = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    return user


@pytest.fixture
def staff(staff_member: User) -> Client:
    return sign_in(staff_member)


def text_of(response: Any) -> str:
    assert response.status_code == 200, response
    return str(response.content.decode())


def looks(user: User, page: str) -> list[str]:
    """Return the queries of the lists this member of staff has looked at."""
    with system_context(reason="test"):
        found = StaffEntry.objects.filter(action="staff.listed", actor_id=user.public_id, target_id=page)
        return [entry.detail["query"] for entry in found.order_by("id")]


def a_row(world: World, model: str) -> uuid.UUID:
    """Return a row of the table, made for the test."""
    if model == "auditentry":
        with tenant_context(world.tenant()):
            publish(CompanyUpdated(object_id=world.company.public_id), actor=SYSTEM)
            return uuid.UUID(str(AuditEntry.objects.latest("id").id))
    if model == "requestlog":
        row = make_row(world.company.id)
        store([row])
        return uuid.UUID(row[0])
    if model == "unownedrequest":
        row = make_row(None, status=401, refused_by="invalid_credentials")
        store([row])
        return uuid.UUID(row[0])
    with system_context(reason="test"):
        entry = StaffEntry.objects.create(
            action="user.sign_in_failed", actor_kind="user", actor_id="", actor_name="nobody",
            target_type="user", target_id="", user_agent="", request_id="",
        )  # fmt: skip
    return uuid.UUID(str(entry.id))


@pytest.mark.parametrize("model", MODELS)
def test_viewing_a_list_is_audited(staff: Client, staff_member: User, model: str) -> None:
    text_of(staff.get(f"/staff/audit/{model}/?days=7"))
    assert looks(staff_member, f"audit.{model}") == ["days=7"]


@pytest.mark.parametrize("page", ["change", "history"])
@pytest.mark.parametrize("model", ["auditentry", "requestlog"])
def test_viewing_a_companys_row_is_audited_in_its_own_trail(
    world: World, staff: Client, staff_member: User, model: str, page: str
) -> None:
    row = a_row(world, model)
    text_of(staff.get(f"/staff/audit/{model}/{row}/{page}/"))
    with tenant_context(world.tenant()):
        [look] = AuditEntry.objects.filter(action="staff.viewed")
    assert (look.actor_kind, look.actor_id) == ("staff", staff_member.public_id)
    assert look.target_id == ids.encode({"auditentry": "aud", "requestlog": "req"}[model], row)
    assert look.detail == {"page": f"audit.{model}"}
    assert look.request_id.startswith("req_")


@pytest.mark.parametrize("model", ["staffentry", "unownedrequest"])
def test_viewing_a_row_without_a_company_is_audited_for_staff(
    world: World, staff: Client, staff_member: User, model: str
) -> None:
    row = a_row(world, model)
    text_of(staff.get(f"/staff/audit/{model}/{row}/change/"))
    with system_context(reason="test"):
        [look] = StaffEntry.objects.filter(action="staff.viewed", actor_id=staff_member.public_id)
    assert look.target_id == ids.encode({"staffentry": "aud", "unownedrequest": "req"}[model], row)


@pytest.mark.parametrize("model", MODELS)
def test_nothing_can_be_added_changed_or_deleted(world: World, staff: Client, model: str) -> None:
    row = a_row(world, model)
    base = f"/staff/audit/{model}"
    with system_context(reason="test"):
        before = MODELS[model].objects.filter(id=row).values().get()  # type: ignore[attr-defined]
    page = text_of(staff.get(f"{base}/{row}/change/"))
    assert 'name="_save"' not in page
    assert staff.get(f"{base}/add/").status_code == 403
    assert staff.post(f"{base}/add/", {"action": "x"}).status_code == 403
    assert staff.post(f"{base}/{row}/change/", {"action": "forged", "path": "/forged"}).status_code == 403
    assert staff.post(f"{base}/{row}/delete/", {"post": "yes"}).status_code == 403
    staff.post(f"{base}/", {"action": "delete_selected", "_selected_action": [str(row)], "post": "yes"})
    with system_context(reason="test"):
        assert MODELS[model].objects.filter(id=row).values().get() == before  # type: ignore[attr-defined]


@pytest.mark.parametrize("model", MODELS)
def test_only_staff_get_in(world: World, model: str) -> None:
    row = a_row(world, model)
    browser = sign_in(world.owner, world.company)
    assert browser.get(f"/staff/audit/{model}/").status_code == 302
    assert browser.get(f"/staff/audit/{model}/{row}/change/").status_code == 302
    with tenant_context(world.tenant()):
        assert not AuditEntry.objects.filter(action="staff.viewed").exists()


def test_requests_of_all_companies_are_listed_and_filtered(world: World, staff: Client) -> None:
    address = random_address()
    mine = make_row(world.company.id, ip=address, path="/v1/mine")
    other = make_row(world.other_company.id, ip=address, path="/v1/other", status=503, mode="test")
    store([mine, other])
    request_id = ids.encode("req", uuid.UUID(mine[0]))

    def found(query: str) -> set[str]:
        page = text_of(staff.get(f"/staff/audit/requestlog/?{query}"))
        return {path for path in ("/v1/mine", "/v1/other") if path in page}

    assert found(f"q={address}") == {"/v1/mine", "/v1/other"}
    assert found(f"q={address}&mode__exact=test") == {"/v1/other"}
    assert found(f"q={address}&outcome=5") == {"/v1/other"}
    assert found(f"q={address}&outcome=2") == {"/v1/mine"}
    assert found(f"q={address}&days=1") == {"/v1/mine", "/v1/other"}
    assert found(f"q={world.company.slug}") == {"/v1/mine"}
    assert found(f"q={world.other_company.public_id}") == {"/v1/other"}
    assert found(f"q={request_id}") == {"/v1/mine"}
    for nonsense in ("req_nonsense", "co_nonsense", "' OR 1=1 --", "nothing"):
        assert found(f"q={nonsense}") == set()
    assert staff.get("/staff/audit/requestlog/?q=nothing%00").status_code == 400


def test_entries_of_all_companies_are_listed_and_filtered(world: World, staff: Client) -> None:
    for company in (world.company, world.other_company):
        with tenant_context(company.live_tenant):
            publish(CompanyUpdated(object_id=company.public_id), actor=SYSTEM)

    def found(query: str) -> list[bool]:
        page = text_of(staff.get(f"/staff/audit/auditentry/?{query}"))
        return [company.public_id in page for company in (world.company, world.other_company)]

    assert found("q=company.updated&days=1") == [True, True]
    assert found(f"q={world.company.slug}") == [True, False]
    assert found(f"q={world.other_company.public_id}") == [False, True]
    assert found("q=company.updated&actor_kind__exact=staff") == [False, False]


def test_list_stops_counting_at_its_limit(world: World, staff: Client) -> None:
    """On a log of millions, counting all of it would take longer than showing a page."""
    store([make_row(world.company.id) for _ in range(MOST_COUNTED + 30)])
    response = staff.get(f"/staff/audit/requestlog/?q={world.company.slug}")
    assert response.context["cl"].result_count == MOST_COUNTED
    assert len(response.context["cl"].result_list) == 50


def test_request_shows_the_client_id_of_its_key(world: World, staff: Client) -> None:
    key = uuid.UUID("0191c8b0-d2c5-7a1e-8f6b-3a4c5d6e7f80")
    row = make_row(world.company.id, key=key.hex)
    store([row])

    shown = text_of(staff.get(f"/staff/audit/requestlog/{uuid.UUID(row[0])}/change/"))

    assert ids.encode("key", key) in shown
    assert str(key) not in shown
