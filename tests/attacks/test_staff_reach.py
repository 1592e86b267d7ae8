"""A staff user with view permission cannot read excluded columns, change anything, or avoid the audit trail."""

import re
from itertools import cycle
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.test import Client, RequestFactory

from accounts.models import Company, Membership, User
from accounts.roles import Role
from audit.models import AuditEntry, StaffEntry
from audit.sentences import sentence_of
from core.tenancy import Tenant, system_context, tenant_context
from core.ui.staff import StaffModelAdmin
from tests.attacks.staff import log_no_refused_filter, look_up_once, make_staff, staff_browser
from tests.clients import sign_in
from tests.factories import World, make_company, make_key, make_user

VIEW_EVERYTHING = tuple(
    sorted(f"{model._meta.app_label}.view_{model._meta.model_name}" for model in admin.site._registry)
)
REGISTERED = sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label)

LOOKUPS = ("regex", "startswith", "contains", "gt", "in")


def page_of(model: Any) -> str:
    return f"/staff/{model._meta.app_label}/{model._meta.model_name}/"


def looks(tenant: Tenant, action: str) -> list[AuditEntry]:
    with tenant_context(tenant):
        return list(AuditEntry.objects.filter(action=action).order_by("id"))


# --- reading what is excluded -----------------------------------------------------------------------------------------


def test_password_hash_cannot_be_inferred_by_filters(world: World) -> None:
    browser = staff_browser("accounts.view_user")
    email = world.owner.email

    for guess in ("^md5", "^nothing"):
        answer = browser.get("/staff/accounts/user/", {"email__exact": email, "password__regex": guess})
        assert answer.status_code == 400
        answer = browser.get("/staff/accounts/user/", {"password__regex": guess})
        assert answer.status_code == 400
        assert email not in answer.content.decode()


@pytest.mark.parametrize(("model", "model_admin"), REGISTERED, ids=[m._meta.label for m, _ in REGISTERED])
def test_staff_list_accepts_only_its_own_filters(
    model: Any, model_admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_no_refused_filter(monkeypatch)
    user = make_staff(*VIEW_EVERYTHING)
    look_up_once(monkeypatch, user)
    browser = sign_in(user)
    page = page_of(model)
    request = RequestFactory().get(page)
    request.user = user

    # The list asks for leave for each parameter; every column has one of the lookups refused on the page itself.
    for field, asked in zip(model._meta.concrete_fields, cycle(LOOKUPS), strict=False):
        for lookup in LOOKUPS:
            assert not model_admin.lookup_allowed(f"{field.name}__{lookup}", "1", request), (
                field.name,
                lookup,
            )
        answer = browser.get(page, {f"{field.name}__{asked}": "1"})
        assert answer.status_code == 400, (field.name, asked)
    for path in ("company__name__startswith", "user__password__regex", "company__limit_overrides__contains"):
        assert browser.get(page, {path: "1"}).status_code == 400, path


@pytest.mark.parametrize(("model", "model_admin"), REGISTERED, ids=[m._meta.label for m, _ in REGISTERED])
def test_staff_list_filters_still_work(model: Any, model_admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_staff(*VIEW_EVERYTHING)
    look_up_once(monkeypatch, user)
    browser = sign_in(user)
    page = page_of(model)
    body = browser.get(page).content.decode()
    offered = set(re.findall(r'(?:href|value)="\?([a-z_]+)=([^"&]*)"', body))
    simple = [
        one.parameter_name
        for one in model_admin.list_filter
        if isinstance(one, type) and issubclass(one, SimpleListFilter)
    ]

    # What our own filters make of each value is ours; of Django's, one value each shows that it is let through.
    chosen = {name: (name, value) for name, value in sorted(offered)}.values()
    ours = [(name, value) for name, value in offered if name in simple]
    for name, value in {*chosen, *ours, *((name, "") for name in simple)}:
        assert browser.get(page, {name: value}).status_code == 200, (name, value)


def test_autocomplete_and_popups_do_not_list_companies(world: World) -> None:
    browser = staff_browser(*VIEW_EVERYTHING)
    completion = {"app_label": "billing", "model_name": "customer", "field_name": "company", "term": "a"}

    assert browser.get("/staff/autocomplete/", completion).status_code == 404
    # The search lists them, to whoever may view companies, and the company's own trail says so.
    for count, query in enumerate(
        ({"s": world.company.slug}, {"s": world.company.slug, "extended": "1"}), start=1
    ):
        assert world.company.name in browser.get("/staff/search/", query).content.decode()
        with tenant_context(world.tenant()):
            looks = AuditEntry.objects.filter(
                action="staff.listed", detail__objects=[world.company.public_id]
            )
            assert looks.count() == count


# --- changing what one may not ----------------------------------------------------------------------------------------

# page, action, the one permission that it takes, and further fields of its form
ACTIONS = [
    ("accounts/company", "suspend", "accounts.suspend_company", {}),
    ("accounts/company", "resume", "accounts.resume_company", {}),
    ("billing/companyplan", "change_tier", "billing.change_tier", {"tier": "enterprise"}),
    ("billing/companyplan", "override_limits", "billing.override_limits", {"webhook_endpoints": "7"}),
    ("apikeys/apikey", "revoke", "apikeys.revoke_apikey", {}),
    ("messaging/companysenders", "assign_sms_sender", "messaging.assign_smssender", {"sender": "Acme"}),
]


def test_every_staff_action_requires_its_own_permission() -> None:
    needed = [
        action.permission
        for _, model_admin in REGISTERED
        for action in (getattr(model_admin, name) for name in model_admin.actions)
    ]

    assert len(needed) >= 9
    assert len(set(needed)) == len(needed)
    assert not any(".view_" in name or (".change_" in name and name.endswith("company")) for name in needed)


def act(browser: Client, page: str, action: str, pk: Any, **fields: str) -> Any:
    form = {"action": action, "_selected_action": [str(pk)], "confirmed": "1", "reason": "a made-up reason"}
    return browser.post(f"/staff/{page}/", {**form, **fields})


def state_of(world: World, key_id: Any) -> tuple[Any, ...]:
    from apikeys.models import ApiKey
    from messaging.models import SmsSender

    with system_context(reason="test"):
        company = Company.objects.get(id=world.company.id)
        key = ApiKey.objects.get(id=key_id)
        senders = list(SmsSender.objects.filter(company=company).values_list("sender", "status"))
    return (
        company.suspended_at,
        company.tier,
        company.limit_overrides,
        company.version,
        key.revoked_at,
        senders,
    )


@pytest.mark.parametrize(("page", "action", "permission", "fields"), ACTIONS)
def test_view_permission_does_not_allow_actions(
    world: World, page: str, action: str, permission: str, fields: dict[str, str]
) -> None:
    key = make_key(world.company).key
    target = key.id if page == "apikeys/apikey" else world.company.id
    others = [name for _, _, name, _ in ACTIONS if name != permission]
    before = state_of(world, key.id)

    act(staff_browser(*VIEW_EVERYTHING, *others), page, action, target, named=world.company.slug, **fields)

    assert state_of(world, key.id) == before


@pytest.mark.parametrize(("page", "action", "permission", "fields"), ACTIONS)
def test_staff_action_requires_the_company_name_and_a_recent_login(
    world: World, page: str, action: str, permission: str, fields: dict[str, str]
) -> None:
    key = make_key(world.company).key
    target = key.id if page == "apikeys/apikey" else world.company.id
    user = make_staff(*VIEW_EVERYTHING, permission)
    browser, late = sign_in(user), sign_in(user)
    session = late.session
    session["account_authentication_methods"] = [{"method": "password", "at": 1.0, "email": user.email}]
    session.save()
    before = state_of(world, key.id)

    nameless = act(browser, page, action, target, **fields)
    misnamed = act(browser, page, action, target, named=world.other_company.slug, **fields)
    asked = act(late, page, action, target, named=world.company.slug, **fields)
    assert state_of(world, key.id) == before
    done = act(browser, page, action, target, named=world.company.slug, **fields)

    assert (nameless.status_code, misnamed.status_code) == (200, 200)
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/")
    assert done.status_code == 302
    assert state_of(world, key.id) != before


def test_staff_action_affects_only_one_company(world: World) -> None:
    browser = staff_browser(*VIEW_EVERYTHING, "accounts.suspend_company")
    both = [str(world.company.id), str(world.other_company.id)]
    form = {"action": "suspend", "_selected_action": both, "confirmed": "1", "reason": "a made-up reason"}

    browser.post("/staff/accounts/company/", {**form, "named": world.company.slug})

    with system_context(reason="test"):
        assert not Company.objects.filter(id__in=both).exclude(suspended_at=None).exists()


# --- looking unseen ---------------------------------------------------------------------------------------------------


def test_viewing_a_list_is_audited_for_every_company_on_it(world: World) -> None:
    key, others = make_key(world.company, name="listed").key, make_key(world.other_company).key
    browser = staff_browser("apikeys.view_apikey")

    browser.get("/staff/apikeys/apikey/", {"q": world.company.slug})

    [entry] = looks(world.tenant(), "staff.listed")
    what = "1 of the company's API keys"
    assert entry.detail == {"page": "apikeys.apikey", "what": what, "objects": [key.public_id]}
    assert sentence_of(entry).endswith(" saw 1 of the company's API keys in a list across companies")
    page = sign_in(world.owner, world.company).get(f"/audit/{entry.public_id}/").content.decode()
    assert 'title="apikeys.apikey">API keys</a>' in page
    assert looks(world.other_tenant(), "staff.listed") == []
    browser.get("/staff/apikeys/apikey/", {"q": world.other_company.slug})
    [entry] = looks(world.other_tenant(), "staff.listed")
    assert entry.detail["objects"] == [others.public_id]


def test_viewing_a_user_is_audited_in_the_trails_of_their_companies(world: World) -> None:
    browser = staff_browser("accounts.view_user")
    second = make_company("Initech", world.owner)

    browser.get("/staff/accounts/user/", {"q": world.owner.email})
    browser.get(f"/staff/accounts/user/{world.owner.pk}/change/")

    for company in (world.company, second):
        tenant = Tenant(company.id, "live")
        assert [entry.detail["objects"] for entry in looks(tenant, "staff.listed")] == [
            [world.owner.public_id]
        ]
        assert [entry.target_id for entry in looks(tenant, "staff.viewed")] == [world.owner.public_id]
    assert looks(world.other_tenant(), "staff.viewed") == []


def test_staff_search_terms_are_not_shown_to_companies(world: World) -> None:
    user = make_staff("accounts.view_company")

    sign_in(user).get("/staff/accounts/company/", {"q": world.company.slug})

    [entry] = looks(world.tenant(), "staff.listed")
    assert world.company.slug not in str(entry.detail)
    with system_context(reason="test"):
        [own] = StaffEntry.objects.filter(action="staff.listed", actor_id=user.public_id)
    assert own.detail["query"] == f"q={world.company.slug}"


def test_the_reason_page_is_audited_as_a_view(world: World) -> None:
    browser = staff_browser(*VIEW_EVERYTHING, "accounts.suspend_company")

    browser.post(
        "/staff/accounts/company/", {"action": "suspend", "_selected_action": [str(world.company.id)]}
    )

    assert [entry.actor_kind for entry in looks(world.tenant(), "staff.listed")] == ["staff"]


# --- people who are no staff ------------------------------------------------------------------------------------------


def test_non_staff_user_gets_403_instead_of_a_redirect_loop(world: World) -> None:
    browser = sign_in(world.owner)

    for page in ("/staff/", "/staff/accounts/company/"):
        answer = browser.get(page, follow=True)
        assert answer.status_code == 403
        assert len(answer.redirect_chain) == 1


def test_staff_can_change_their_password_only_on_the_audited_page() -> None:
    browser = staff_browser(superuser=True)

    assert browser.get("/staff/password_change/").headers["Location"] == "/accounts/password/change/"


def test_every_admin_audits_its_views() -> None:
    assert all(isinstance(one, StaffModelAdmin) for _, one in REGISTERED)
    assert make_user("visitor").is_staff is False
    assert User._meta.get_field("password").name not in {
        name for _, one in REGISTERED for name in (one.fields or ())
    }
    assert Role.OWNER in Membership._meta.get_field("role").flatchoices[0]
