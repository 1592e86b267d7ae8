"""Company policies: the second factor after a grace period, at least one owner at any time, and a person's devices."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import mail

from accounts.models import Company, Membership, User
from accounts.roles import Role
from accounts.services import change_role, remove_member, transfer_ownership
from audit.models import AuditEntry
from core import clock
from core.tenancy import Tenant, system_context, tenant_context
from tests.clients import ApiClient, random_address, sign_in
from tests.factories import PASSWORD, SYSTEM, World, join, make_company, make_key, make_user
from tests.threads import all_at_once


def protect(user: User) -> None:
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})


def company_of(world: World) -> Company:
    with system_context(reason="test"):
        return Company.objects.get(id=world.company.id)


def require(world: World, *, since: timedelta) -> None:
    with tenant_context(world.tenant()):
        Company.objects.filter(id=world.company.id).update(second_factor_required_from=clock.now() + since)


def entries(world: World, action: str) -> list[tuple[str, Any, Any]]:
    """Return (mode, changes, detail) of the entries, of both trails."""
    found = []
    for mode in ("live", "test"):
        with tenant_context(Tenant(world.company.id, mode)):  # type: ignore[arg-type]
            rows = AuditEntry.objects.filter(action=action).order_by("id")
            found += [(row.mode, row.changes, row.detail) for row in rows]
    return found


def roles(world: World) -> dict[str, str]:
    with tenant_context(world.tenant()):
        return {row.user.email: row.role for row in Membership.objects.select_related("user")}


# --- a second factor for everybody ------------------------------------------------------------------------------------


def test_second_factor_is_required_after_the_grace_period(world: World) -> None:
    protect(world.owner)
    teammate = sign_in(world.teammate)
    key = make_key(world.company)
    form = {"require_second_factor": "on", "grace_days": "7"}

    assert sign_in(world.owner).post("/settings/policies/", form).status_code == 302
    assert [one.to for one in mail.outbox] == [[world.teammate.email]]
    within = teammate.get("/keys/")
    assert within.status_code == 200
    assert "requires a second factor from every member" in within.content.decode()
    [live, test] = entries(world, "company.security_policy_changed")
    assert (live[0], test[0]) == ("live", "test")
    assert live[1]["second_factor_required_from"][0] is None
    require(world, since=timedelta(seconds=-1))

    sent = teammate.get("/keys/")
    assert (sent.status_code, sent.headers["Location"]) == (302, "/second-factor/")
    assert teammate.post("/customers/create/", {"name": "Ada"}).headers["Location"] == "/second-factor/"
    assert teammate.get("/keys/", headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/second-factor/"
    shown = teammate.get("/second-factor/")
    assert "/accounts/2fa/totp/activate/" in shown.content.decode()
    assert ApiClient(key.client_secret, ip=random_address()).get("/v1/whoami").status == 200
    protect(world.teammate)
    assert teammate.get("/keys/").status_code == 200
    assert teammate.get("/second-factor/").headers["Location"] == "/"


def test_other_companies_of_the_person_stay_accessible(world: World) -> None:
    second = make_company("Initech", world.teammate)
    browser = sign_in(world.teammate, world.company)
    require(world, since=timedelta(seconds=-1))

    assert second.public_id in browser.get("/second-factor/").content.decode()
    browser.post("/companies/switch/", {"company": second.public_id})
    assert browser.get("/keys/").status_code == 200


def test_owners_need_a_second_factor_before_requiring_one(world: World) -> None:
    refused = sign_in(world.owner).post(
        "/settings/policies/", {"require_second_factor": "on", "grace_days": "0"}
    )

    assert refused.status_code == 422
    assert "Set yours up first" in refused.content.decode()
    assert company_of(world).second_factor_required_from is None
    assert entries(world, "company.security_policy_changed") == []
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"key_longest_days": "0"}, "greater than or equal to 1"),
        ({"key_longest_days": "3651"}, "less than or equal to 3650"),
        ({"key_longest_days": "9\x00"}, "whole number"),
        ({"require_second_factor": "on", "grace_days": "91"}, "less than or equal to 90"),
    ],
)
def test_invalid_policy_changes_nothing(world: World, fields: dict[str, str], words: str) -> None:
    protect(world.owner)
    refused = sign_in(world.owner).post("/settings/policies/", {"grace_days": "14", **fields})

    assert refused.status_code == 422
    assert words in refused.content.decode()
    assert entries(world, "company.security_policy_changed") == []


def test_only_admins_can_change_policies(world: World) -> None:
    for method in ("get", "post"):
        assert getattr(sign_in(world.teammate), method)("/settings/policies/").status_code == 403
        assert getattr(sign_in(world.teammate), method)("/team/transfer/").status_code == 403


# --- an owner at every moment -----------------------------------------------------------------------------------------


def member(world: World, user: User) -> Membership:
    with tenant_context(world.tenant()):
        found: Membership = Membership.objects.select_related("user", "company").get(user=user)
    return found


def test_owner_transfers_the_company_and_both_are_notified(world: World) -> None:
    to = member(world, world.teammate)
    form = {"member": to.public_id, "reason": "I leave for the sea"}

    answer = sign_in(world.owner).post("/team/transfer/", form, follow=True)

    assert "now owns Acme. You are now an admin." in answer.content.decode()
    assert roles(world) == {world.teammate.email: "owner", world.owner.email: "admin"}
    [live, test] = entries(world, "company.ownership_transferred")
    assert live[1:] == (
        {"owner": [world.owner.email, world.teammate.email]},
        {"reason": "I leave for the sea"},
    )
    assert test[1:] == live[1:]
    assert [(one.to, one.subject) for one in mail.outbox] == [
        ([world.teammate.email], "You now own Acme"),
        ([world.owner.email], "You have transferred Acme"),
    ]


@pytest.mark.parametrize("wrong", ["oneself", "foreign", "no reason"])
def test_invalid_transfer_changes_nothing(world: World, wrong: str) -> None:
    chosen = member(world, world.owner if wrong == "oneself" else world.teammate).public_id
    if wrong == "foreign":
        with tenant_context(world.other_tenant()):
            chosen = Membership.objects.get().public_id
    form = {"member": chosen, "reason": "" if wrong == "no reason" else "because I can"}

    assert sign_in(world.owner).post("/team/transfer/", form).status_code == 422
    assert roles(world) == {world.owner.email: "owner", world.teammate.email: "developer"}
    assert mail.outbox == []


@pytest.mark.parametrize("meanwhile", ["removed", "demoted"])
def test_transfer_never_leaves_the_company_without_an_owner(world: World, meanwhile: str) -> None:
    # Both read the teammate as a developer; whoever comes second finds what the first has made of them.
    owner, to = member(world, world.owner), member(world, world.teammate)
    admin = join(world.company, make_user("admin"), Role.ADMIN)

    def work(number: int) -> None:
        with tenant_context(world.tenant()):
            if number == 0:
                transfer_ownership(to=to, owner=owner, reason="race", actor=SYSTEM)
            elif meanwhile == "removed":
                remove_member(member=to, remover=admin, actor=SYSTEM)
            else:
                change_role(member=to, role="viewer", changer=admin, actor=SYSTEM)

    all_at_once(2, work)

    assert list(roles(world).values()).count("owner") == 1


def test_stale_read_does_not_let_an_owner_be_removed_as_a_developer(world: World) -> None:
    stale, admin = member(world, world.teammate), join(world.company, make_user("admin"), Role.ADMIN)
    with tenant_context(world.tenant()):
        transfer_ownership(to=stale, owner=member(world, world.owner), reason="handed over", actor=SYSTEM)

    for refused in (
        lambda: remove_member(member=stale, remover=admin, actor=SYSTEM),
        lambda: change_role(member=stale, role="viewer", changer=admin, actor=SYSTEM),
    ):
        with tenant_context(world.tenant()), pytest.raises(Exception, match="above yours"):
            refused()
    assert roles(world)[world.teammate.email] == "owner"


# --- devices ----------------------------------------------------------------------------------------------------------


def signed_in(user: User, agent: str) -> Any:
    from django.test import Client

    browser = Client(headers={"User-Agent": agent})
    assert browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD}).status_code == 302
    return browser


def test_user_sees_their_devices_and_signs_out_the_others(world: World) -> None:
    laptop = signed_in(world.owner, "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0")
    phone = signed_in(world.owner, "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Version/19.0 Safari/604.1")
    teammate = signed_in(world.teammate, "Mozilla/5.0 (Windows NT 10.0) Chrome/141.0 Safari/537.36")

    page = laptop.get("/accounts/sessions/").content.decode()
    assert page.count("This device") == 1
    assert "Firefox on Linux" in page
    assert "Safari on iPhone" in page
    assert "Chrome on Windows" not in page
    assert "Firefox" not in teammate.get("/accounts/sessions/").content.decode()
    laptop.post("/accounts/sessions/")

    assert phone.get("/keys/").status_code == 302
    assert laptop.get("/keys/").status_code == 200
    assert teammate.get("/keys/").status_code == 200
    assert [row[2]["sessions"] for row in entries(world, "user.sessions_ended")] == [1, 1]


def test_device_activity_is_recorded_every_ten_minutes(world: World) -> None:
    browser = signed_in(world.owner, "Firefox/140.0")
    browser.get("/keys/")
    long_ago = clock.now() - timedelta(hours=2)
    UserSession.objects.filter(user=world.owner).update(last_seen_at=long_ago)

    browser.get("/keys/")
    assert UserSession.objects.get(user=world.owner).last_seen_at == long_ago
    session = browser.session
    session["seen_at"] = 1.0
    session.save()
    browser.get("/keys/")
    assert UserSession.objects.get(user=world.owner).last_seen_at > long_ago


def test_one_device_is_signed_out_and_the_others_stay(world: World) -> None:
    here, stays, lost = (signed_in(world.owner, f"Firefox/{n}") for n in range(3))
    stranger = signed_in(world.teammate, "Firefox/9")
    for browser in (here, stays, lost, stranger):
        browser.get("/profile/")  # notes the device
    device = UserSession.objects.get(session_key=lost.session.session_key)
    page = here.get("/accounts/sessions/").content.decode()
    assert page.count('name="device"') == 2  # not the one that the person is on

    answer = here.post("/profile/devices/end/", {"device": device.pk})

    assert answer.status_code == 302
    assert [one.get("/profile/").status_code for one in (here, stays, lost)] == [200, 200, 302]
    assert [row[2]["sessions"] for row in entries(world, "user.sessions_ended")] == [1, 1]
    own = UserSession.objects.get(session_key=here.session.session_key)
    for browser, pk in ((here, own.pk), (stranger, own.pk), (here, "x"), (here, device.pk)):
        assert browser.post("/profile/devices/end/", {"device": pk}).status_code == 404
    assert here.get("/profile/").status_code == 200
    assert len(entries(world, "user.sessions_ended")) == 2  # the one, in the trail of both modes
