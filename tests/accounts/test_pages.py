"""Account pages of the dashboard: permissions by role, company and mode."""

import re
import time
from collections.abc import Callable
from itertools import product
from urllib.parse import quote

import pytest
from django.core import mail
from django.test import Client

from accounts.models import Invitation, Membership, User
from accounts.roles import Role
from accounts.selectors import memberships_of
from audit.models import AuditEntry
from billing.models import Customer
from core.tenancy import Tenant, tenant_context
from tests.clients import form_token
from tests.factories import PASSWORD, World, join, make_company, make_user

Login = Callable[..., Client]

PAGES = ["/", "/team/", "/team/leave/", "/settings/", "/profile/", "/companies/new/"]
LEAST_ROLE_TO_WRITE = {
    "/team/invite/": Role.ADMIN,
    "/team/{invitation}/revoke/": Role.ADMIN,
    "/team/{member}/role/": Role.ADMIN,
    "/team/{member}/remove/": Role.ADMIN,
    "/settings/": Role.ADMIN,
}
RANK = [Role.VIEWER, Role.DEVELOPER, Role.ADMIN, Role.OWNER]


def member_of(world: World, user: User) -> Membership:
    with tenant_context(world.company.live_tenant):
        found: Membership = Membership.objects.select_related("user").get(user=user)
    return found


def actions_in(world: World) -> list[str]:
    with tenant_context(world.company.live_tenant):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def invite(client: Client, email: str, role: str = "viewer") -> str:
    """Invite through the page and return the path of the mailed link."""
    mail.outbox.clear()
    response = client.post("/team/invite/", {"email": email, "role": role})
    assert response.status_code == 302, response.content
    return re.search(r"http://testserver(/invitations/[\w-]+/)", mail.outbox[0].body)[1]


@pytest.mark.parametrize("path", PAGES)
def test_anonymous_visitors_are_sent_to_sign_in(path: str) -> None:
    response = Client().get(path)

    assert response.status_code == 302
    assert response["Location"] == f"/accounts/login/?next={quote(path)}"


@pytest.mark.parametrize("role", RANK)
@pytest.mark.parametrize("path", PAGES)
def test_every_role_sees_the_pages(world: World, login: Login, path: str, role: str) -> None:
    person = make_user()
    join(world.company, person, role)

    response = login(person, world.company).get(path)

    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize("role", RANK)
@pytest.mark.parametrize("path", LEAST_ROLE_TO_WRITE)
def test_writes_require_their_role(world: World, login: Login, path: str, role: str) -> None:
    person = make_user()
    join(world.company, person, role)
    victim = member_of(world, world.teammate)
    invite(login(world.owner, world.company), "carol@example.com")
    with tenant_context(world.company.live_tenant):
        invitation = Invitation.objects.get(email="carol@example.com")
    before = len(actions_in(world))
    url = path.format(member=victim.public_id, invitation=f"invitations/{invitation.public_id}")
    data = {
        "email": "dave@example.com",
        "role": "viewer",
        "name": "New name",
        "slug": f"s-{world.company.id.hex}",
    }

    response = login(person, world.company).post(url, data)

    if RANK.index(role) >= RANK.index(LEAST_ROLE_TO_WRITE[path]):
        assert response.status_code == 302
        assert len(actions_in(world)) == before + 1
    else:
        assert response.status_code == 403
        assert len(actions_in(world)) == before
        assert member_of(world, world.teammate).role == Role.DEVELOPER


def test_person_without_a_company_creates_one_first(login: Login) -> None:
    person = make_user()
    client = login(person)

    assert client.get("/")["Location"] == "/companies/new/"
    response = client.post("/companies/new/", {"name": "  Citrus Works "})

    assert response["Location"] == "/"
    (membership,) = memberships_of(person)
    assert (membership.company.name, membership.role) == ("Citrus Works", Role.OWNER)
    assert b"Citrus Works" in client.get("/").content


@pytest.mark.parametrize("name", ["", "x", " ", "y" * 101, "a\x00b"])
def test_company_name_is_validated(login: Login, name: str) -> None:
    person = make_user()

    response = login(person).post("/companies/new/", {"name": name})

    assert response.status_code == 422
    assert b'aria-invalid="true"' in response.content
    assert memberships_of(person) == []


def test_switching_companies_changes_what_is_seen(world: World, login: Login) -> None:
    second = make_company("Second", world.owner)
    client = login(world.owner, world.company)

    response = client.post("/companies/switch/", {"company": second.public_id})

    assert response["Location"] == "/"
    assert client.session["company"] == str(second.id)


@pytest.mark.parametrize("company", ["", "co_nonsense", "foreign"])
def test_switching_to_another_company_requires_membership(world: World, login: Login, company: str) -> None:
    client = login(world.owner, world.company)
    wanted = world.other_company.public_id if company == "foreign" else company

    assert client.post("/companies/switch/", {"company": wanted}).status_code == 404
    assert client.session["company"] == str(world.company.id)
    assert b"Globex" not in client.get("/team/").content


def test_forged_session_company_is_ignored(world: World, login: Login) -> None:
    content = login(world.owner, world.other_company).get("/team/").content

    assert b"Globex" not in content
    assert world.owner.email.encode() in content


def test_mode_is_toggled_and_shown(world: World, login: Login) -> None:
    client = login(world.owner, world.company)
    assert b"Test mode" not in client.get("/team/").content

    response = client.post("/mode/", {"mode": "test", "next": "/team/mem_1/?x=1"})

    assert response["Location"] == "/team/"
    assert b"Test mode" in client.get("/team/").content
    client.post("/mode/", {"mode": "anything"})
    assert b"Test mode" not in client.get("/team/").content


@pytest.mark.parametrize("following", ["https://evil.test/", "//evil.test/x", "javascript:alert(1)"])
def test_mode_switch_never_redirects_to_another_site(world: World, login: Login, following: str) -> None:
    response = login(world.owner, world.company).post("/mode/", {"mode": "live", "next": following})

    assert response["Location"] == "/"


def test_invitation_from_mail_to_membership(world: World, login: Login) -> None:
    carol = make_user("carol")
    link = invite(login(world.owner, world.company), carol.email, "admin")
    client = login(carol)

    assert world.company.name.encode() in client.get(link).content
    response = client.post(link)

    assert response["Location"] == "/"
    assert member_of(world, carol).role == Role.ADMIN
    assert client.get(link).status_code == 404
    assert actions_in(world)[-2:] == ["member.invited", "member.joined"]


def test_the_mail_has_text_and_html_and_names_the_inviter(world: World, login: Login) -> None:
    invite(login(world.owner, world.company), "carol@example.com")

    message = mail.outbox[0]
    assert message.to == ["carol@example.com"]
    assert message.subject == "You have been invited to a company on Pomelo"
    assert f"{world.owner.name} invited you to Acme" in message.body
    assert message.alternatives[0].mimetype == "text/html"  # type: ignore[attr-defined]


def test_invitation_is_for_its_address_only(world: World, login: Login) -> None:
    link = invite(login(world.owner, world.company), "carol@example.com")
    client = login(world.outsider)

    assert b"You are signed in as" in client.get(link).content
    assert client.post(link).status_code == 409
    assert [m.company_id for m in memberships_of(world.outsider)] == [world.other_company.id]


def test_revoked_invitation_is_gone(world: World, login: Login) -> None:
    carol = make_user("carol")
    owner = login(world.owner, world.company)
    link = invite(owner, carol.email)
    with tenant_context(world.company.live_tenant):
        invitation = Invitation.objects.get(email=carol.email)

    owner.post(f"/team/invitations/{invitation.public_id}/revoke/")

    assert login(carol).post(link).status_code == 404
    assert memberships_of(carol) == []


@pytest.mark.parametrize("problem", ["member", "twice", "not-an-address", "role-too-high"])
def test_invalid_invitations_are_refused(world: World, login: Login, problem: str) -> None:
    admin = make_user()
    join(world.company, admin, Role.ADMIN)
    client = login(admin, world.company)
    invite(client, "twice@example.com")
    email = {"member": world.teammate.email, "twice": "Twice@example.com", "not-an-address": "x@"}.get(
        problem, "new@example.com"
    )
    mail.outbox.clear()
    before = actions_in(world)

    response = client.post(
        "/team/invite/", {"email": email, "role": "owner" if problem == "role-too-high" else "viewer"}
    )

    assert response.status_code == 422
    assert b"_error" in response.content
    assert mail.outbox == []
    assert actions_in(world) == before


def test_the_last_owner_can_neither_leave_nor_step_down(world: World, login: Login) -> None:
    client = login(world.owner, world.company)

    assert client.post("/team/leave/").status_code == 409
    assert member_of(world, world.owner).role == Role.OWNER


def test_leaving_ends_access_immediately(world: World, login: Login) -> None:
    client = login(world.teammate, world.company)

    assert client.post("/team/leave/")["Location"] == "/"
    assert client.get("/team/")["Location"] == "/companies/new/"
    assert actions_in(world)[-1] == "member.removed"


def test_removing_a_member_ends_their_access_immediately(world: World, login: Login) -> None:
    their_browser = login(world.teammate, world.company)
    assert their_browser.get("/team/").status_code == 200
    member = member_of(world, world.teammate)

    login(world.owner, world.company).post(f"/team/{member.public_id}/remove/")

    assert their_browser.get("/team/")["Location"] == "/companies/new/"


def test_admin_cannot_touch_an_owner(world: World, login: Login) -> None:
    admin = make_user()
    join(world.company, admin, Role.ADMIN)
    owner = member_of(world, world.owner)
    client = login(admin, world.company)

    assert client.post(f"/team/{owner.public_id}/role/", {"role": "viewer"}).status_code == 403
    assert client.post(f"/team/{owner.public_id}/remove/").status_code == 403
    assert member_of(world, world.owner).role == Role.OWNER


@pytest.mark.parametrize("public_id", ["foreign", "mem_00000000000000000000000000", "nonsense"])
def test_members_of_other_companies_and_missing_members_are_not_found(
    world: World, login: Login, public_id: str
) -> None:
    if public_id == "foreign":
        with tenant_context(world.other_company.live_tenant):
            public_id = Membership.objects.get(user=world.outsider).public_id
    client = login(world.owner, world.company)

    assert client.post(f"/team/{public_id}/role/", {"role": "viewer"}).status_code == 404
    assert client.post(f"/team/{public_id}/remove/").status_code == 404
    assert [m.role for m in memberships_of(world.outsider)] == [Role.OWNER]


def test_company_can_be_renamed_in_settings(world: World, login: Login) -> None:
    slug = f"acme-{world.company.id.hex[:8]}"
    client = login(world.owner, world.company)

    assert client.post("/settings/", {"name": "Acme Citrus", "slug": slug.upper()}).status_code == 302

    content = client.get("/settings/").content.decode()
    assert "Acme Citrus" in content
    assert slug in content


def test_taken_short_name_is_a_field_error(world: World, login: Login) -> None:
    client = login(world.owner, world.company)

    response = client.post("/settings/", {"name": "Acme", "slug": world.other_company.slug})

    assert response.status_code == 422
    assert b"id_slug_error" in response.content
    assert actions_in(world)[-1] != "company.updated"


def test_short_name_without_a_letter_or_digit_is_a_field_error(world: World, login: Login) -> None:
    client = login(world.owner, world.company)

    response = client.post("/settings/", {"name": "Acme", "slug": "--_"})

    assert response.status_code == 422
    assert b"Use at least one letter or digit." in response.content
    assert actions_in(world)[-1] != "company.updated"


def test_profile_name_is_shown_to_others(world: World, login: Login) -> None:
    login(world.teammate, world.company).post("/profile/", {"name": "  Grace Hopper "})

    assert b"Grace Hopper" in login(world.owner, world.company).get("/team/").content


def test_names_are_escaped(world: World, login: Login) -> None:
    login(world.teammate, world.company).post("/profile/", {"name": "<script>alert(1)</script>"})

    assert b"<script>alert" not in login(world.owner, world.company).get("/team/").content


# --- the recent-login check ---------------------------------------------------------------------------------------


def age_login(client: Client, seconds: int) -> None:
    session = client.session
    records = session["account_authentication_methods"]
    records[-1]["at"] = time.time() - seconds
    session["account_authentication_methods"] = records
    session.save()


@pytest.mark.parametrize(("age", "passes"), [(0, True), (1790, True), (1801, False), (86_400, False)])
def test_team_changes_need_a_login_of_the_last_30_minutes(
    world: World, login: Login, age: int, passes: bool
) -> None:
    client = login(world.owner, world.company)
    age_login(client, age)
    mail.outbox.clear()

    response = client.post(
        "/team/invite/",
        {"email": "carol@example.com", "role": "viewer"},
        headers={"Referer": "http://testserver/team/?tab=1"},
    )

    if passes:
        assert response["Location"] == "/team/"
    else:
        assert response["Location"] == "/accounts/reauthenticate/?next=%2Fteam%2F%3Ftab%3D1"
        assert mail.outbox == []


def test_stale_form_is_dropped_and_foreign_referer_not_followed(world: World, login: Login) -> None:
    client = login(world.owner, world.company)
    age_login(client, 3600)

    response = client.post("/team/leave/", {"x": "secret-value"}, headers={"Referer": "https://evil.test/"})

    assert response["Location"] == "/accounts/reauthenticate/?next=%2F"
    assert "secret-value" not in str(dict(client.session))


def test_confirming_the_password_makes_the_login_recent_again(world: World, login: Login) -> None:
    client = login(world.teammate, world.company)
    age_login(client, 3600)
    assert client.get("/team/leave/")["Location"] == "/accounts/reauthenticate/?next=%2Fteam%2Fleave%2F"

    wrong = client.post("/accounts/reauthenticate/", {"password": "nope", "next": "/team/leave/"})
    right = client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": "/team/leave/"})

    assert wrong.status_code == 200
    assert right["Location"] == "/team/leave/"
    assert client.get("/team/leave/").status_code == 200


def test_link_opens_in_the_company_and_mode_it_names(world: World, login: Login) -> None:
    # given a person of two companies who looks at the live data of one
    join(world.other_company, world.owner, "viewer")
    client = login(world.owner, world.company)
    place = {"company": world.other_company.public_id, "mode": "test"}

    # when they open a link to the test data of the other
    response = client.get("/customers/", {**place, "q": "ada"})

    # then they are there, and the page is asked for without what was only meant for the way
    assert (response.status_code, response["Location"]) == (302, "/customers/?q=ada")
    page = client.get("/customers/?q=ada").content.decode()
    assert f"This is in {world.other_company.name}, Test: switched." in page
    assert f'data-company="{world.other_company.public_id}" data-mode="test"' in page
    # and the same link again is no switch
    again = client.get("/customers/", place)
    assert again.status_code == 200
    assert "switched." not in again.content.decode()


@pytest.mark.parametrize("switched", ["company", "mode"])
def test_form_opened_before_another_tab_switched_changes_nothing(
    world: World, login: Login, switched: str
) -> None:
    # given a page of one company's live data, and another tab that has switched since
    join(world.other_company, world.owner, "developer")
    client = login(world.owner, world.company)
    opened = f"/customers/new/?company={world.company.public_id}&mode=live"
    fields = {"name": "Ada", **form_token(client, opened)}
    referer = {"referer": f"http://testserver{opened}"}
    if switched == "company":
        client.post("/companies/switch/", {"company": world.other_company.public_id})
    else:
        client.post("/mode/", {"mode": "test"})

    # when its form is sent
    response = client.post("/customers/new/", fields, headers=referer)

    # then nothing is written anywhere, and the person is led back to where they were
    assert (response.status_code, response["Location"]) == (302, opened)
    for company, mode in product((world.company, world.other_company), ("live", "test")):
        with tenant_context(Tenant(company.id, mode)):
            assert not Customer.objects.exists()
    page = client.get(opened, follow=True).content.decode()
    assert "Nothing was changed: since this page was opened, you switched to" in page
    # and there it is accepted
    client.post("/customers/new/", fields, headers=referer)
    with tenant_context(Tenant(world.company.id, "live")):
        assert list(Customer.objects.values_list("name", flat=True)) == ["Ada"]


def test_link_does_not_open_other_peoples_companies(world: World, login: Login) -> None:
    client = login(world.owner, world.company)

    response = client.get("/team/", {"company": world.other_company.public_id, "mode": "test"})

    assert response.status_code == 404
    page = client.get("/team/").content.decode()
    assert f'data-company="{world.company.public_id}" data-mode="live"' in page


def test_posting_to_a_link_switches_nothing(world: World, login: Login) -> None:
    client = login(world.owner, world.company)

    client.post("/saved-filters/save/?mode=test", {})

    assert client.session.get("mode") != "test"
