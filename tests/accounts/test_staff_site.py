"""The staff site: who gets in, what a look leaves behind, and that changes ask for a reason."""

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.test import Client

from accounts.models import Company, User
from audit.models import AuditEntry
from core.tenancy import system_context, tenant_context
from core.ui.staff import StaffModelAdmin
from tests.clients import sign_in
from tests.factories import World, make_user


def _staff() -> User:
    user = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    return user


def _suspended(company: Company) -> bool:
    with system_context(reason="test"):
        return Company.objects.get(id=company.id).suspended_at is not None


def test_only_staff_with_a_second_factor_get_in(world: World) -> None:
    assert Client().get("/staff/").status_code == 302
    assert sign_in(world.owner).get("/staff/", follow=True).status_code == 403
    without_second_factor = make_user("newstaff", is_staff=True, is_superuser=True)
    answer = sign_in(without_second_factor).get("/staff/", follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/2fa/"
    first_page = sign_in(_staff()).get("/staff/")
    assert first_page.status_code == 200
    for what in ("Oldest event that is not relayed", "Oldest audit entry that is not sealed"):
        assert what in first_page.content.decode()


def test_every_list_and_a_company_can_be_opened(world: World) -> None:
    browser = sign_in(_staff())
    for path in ("accounts/company/", "accounts/membership/", "accounts/user/"):
        assert browser.get(f"/staff/{path}").status_code == 200
    page = browser.get(f"/staff/accounts/company/{world.company.id}/change/")
    assert page.status_code == 200
    assert world.company.name in page.content.decode()


def test_suspending_asks_for_a_reason_and_changes_nothing_without_one(world: World) -> None:
    browser = sign_in(_staff())
    chosen = {"action": "suspend", "_selected_action": [str(world.company.id)]}
    asked = browser.post("/staff/accounts/company/", chosen)
    assert asked.status_code == 200
    assert "reason" in asked.content.decode()
    refused = browser.post(
        "/staff/accounts/company/", {**chosen, "confirmed": "1", "named": world.company.slug, "reason": " "}
    )
    assert refused.status_code == 200
    assert not _suspended(world.company)
    why = {"confirmed": "1", "named": world.company.slug, "reason": "unpaid invoices"}
    done = browser.post("/staff/accounts/company/", {**chosen, **why})
    assert done.status_code == 302
    assert _suspended(world.company)
    assert not _suspended(world.other_company)


def test_a_look_at_a_company_stands_in_its_own_trail(world: World) -> None:
    sign_in(_staff()).get(f"/staff/accounts/company/{world.company.id}/change/")
    with tenant_context(world.tenant()):
        looks = list(AuditEntry.objects.filter(action="staff.viewed").values_list("actor_kind", "target_id"))
    assert looks == [("staff", world.company.public_id)]
    with tenant_context(world.other_tenant()):
        assert not AuditEntry.objects.filter(action="staff.viewed").exists()


def test_the_staff_site_loosens_the_policy_for_itself_only(world: World) -> None:
    policy = sign_in(_staff()).get("/staff/").headers["Content-Security-Policy"]
    elsewhere = sign_in(world.owner).get("/team/").headers["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval';" in f"{policy};"
    assert "style-src 'self' 'unsafe-inline';" in f"{policy};"
    assert "unsafe" not in elsewhere


def test_only_admins_that_keep_account_are_there() -> None:
    browser = sign_in(_staff())

    for path in ("account/emailaddress/", "auth/group/", "mfa/authenticator/"):
        assert browser.get(f"/staff/{path}").status_code == 404
    assert all(isinstance(one, StaffModelAdmin) for one in admin.site._registry.values())
