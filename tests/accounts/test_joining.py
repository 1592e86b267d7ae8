"""Joining by invitation: what the emailed link proves, what a copied link does not, and resending it."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from accounts.models import Invitation, Membership, User
from accounts.selectors import memberships_of
from accounts.services import accept_invitation, resend_invitation
from core.tenancy import tenant_context
from tests.accounts.test_pages import Login, actions_in, invite, member_of
from tests.factories import PASSWORD, SYSTEM, World, join, make_user
from tests.threads import is_blocking_another
from tests.waiting import wait_until


def copied_link(team: Client) -> str:
    """Return the path of the link that the team page offers to copy."""
    found = re.search(
        r'value="http://testserver(/invitations/[\w.-]+/)"', team.get("/team/").content.decode()
    )
    assert found is not None
    return found[1]


def resend_path(team: Client) -> str:
    found = re.search(r"/team/invitations/\w+/resend/", team.get("/team/").content.decode())
    assert found is not None
    return found[0]


def test_new_person_joins_with_only_a_password(world: World, login: Login) -> None:
    email = f"new-{world.company.id.hex}@example.com"
    link = invite(login(world.owner, world.company), email, "developer")
    mail.outbox.clear()
    client = Client()

    page = client.get(link).content.decode()
    response = client.post(link, {"email": "other@example.com", "password1": PASSWORD})

    assert f"<strong>{world.owner.display_name}</strong> invited" in page
    assert re.search(f'value="{email}"[^>]*readonly', page)
    assert response.status_code == 302
    assert response["Location"] == "/"
    person = User.objects.get(email=email)
    assert member_of(world, person).role == "developer"
    assert list(EmailAddress.objects.filter(user=person).values_list("email", "verified", "primary")) == [
        (email, True, True)
    ]
    assert mail.outbox == []
    assert client.get("/").status_code == 200
    assert actions_in(world)[-2:] == ["member.invited", "member.joined"]


def test_weak_password_creates_no_account(world: World, login: Login) -> None:
    email = f"new-{world.company.id.hex}@example.com"
    link = invite(login(world.owner, world.company), email)

    response = Client().post(link, {"password1": "short"})

    assert response.status_code == 422
    assert b"at least 12 characters" in response.content
    assert not User.objects.filter(email=email).exists()


def test_existing_user_signs_in_and_joins_in_one_step(world: World, login: Login) -> None:
    carol = make_user("carol")
    link = invite(login(world.owner, world.company), carol.email)
    client = Client()

    refused = client.post(link, {"password": "not the password"})
    response = client.post(link, {"login": world.outsider.email, "password": PASSWORD})

    assert refused.status_code == 422
    assert response["Location"] == "/"
    assert member_of(world, carol).role == "viewer"


def test_copied_invitation_link_verifies_no_address_and_reveals_no_account(
    world: World, login: Login
) -> None:
    owner = login(world.owner, world.company)
    known = make_user("carol")
    pages = []
    for email in (known.email, f"new-{world.company.id.hex}@example.com"):
        invite(owner, email)
        link = copied_link(owner)
        page = Client().post(link, {"password1": PASSWORD, "password": PASSWORD}).content.decode()
        page_of_anybody = page.replace(email, "…").replace(link, "…")
        pages.append(re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page_of_anybody))
        assert "Create an account" in page
        owner.post(resend_path(owner).replace("/resend/", "/revoke/"))

    assert pages[0] == pages[1]
    assert not User.objects.filter(email__startswith=f"new-{world.company.id.hex}").exists()
    assert memberships_of(known) == []


def test_user_signed_in_with_the_address_joins_by_a_copied_link(world: World, login: Login) -> None:
    owner = login(world.owner, world.company)
    carol = make_user("carol")
    invite(owner, carol.email)
    link = copied_link(owner)

    assert login(world.outsider).post(link).status_code == 409
    assert Client().get(link[:-3] + "x/").status_code == 404
    assert login(carol).post(link)["Location"] == "/"
    assert member_of(world, carol).role == "viewer"


@pytest.mark.parametrize("role", ["viewer", "developer"])
def test_only_members_who_can_invite_see_the_link(world: World, login: Login, role: str) -> None:
    invite(login(world.owner, world.company), "carol@example.com")
    person = make_user()
    join(world.company, person, role)

    page = login(person, world.company).get("/team/").content.decode()

    assert "carol@example.com" in page
    assert "/invitations/inv_" not in page


def test_resending_replaces_the_link_within_the_allowance(world: World, login: Login, settings: Any) -> None:
    settings.INVITATIONS_PER_RECIPIENT = 2
    owner = login(world.owner, world.company)
    first = invite(owner, f"new-{world.company.id.hex}@example.com", "admin")
    mail.outbox.clear()

    owner.post(resend_path(owner))

    second = re.search(r"http://testserver(/invitations/[\w-]+/)", mail.outbox[0].body)[1]
    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 200
    assert actions_in(world)[-3:] == ["member.invited", "member.invitation_revoked", "member.invited"]
    owner.post(resend_path(owner))  # a third to the same address within the day
    assert len(mail.outbox) == 1
    assert Client().get(second).status_code == 200


@pytest.mark.parametrize("several", [False, True], ids=["one", "selected"])
def test_invitation_being_accepted_is_not_revoked(world: World, login: Login, several: bool) -> None:
    owner, carol = login(world.owner, world.company), make_user("carol")
    invite(owner, carol.email)
    path = resend_path(owner).replace("/resend/", "/revoke/")
    public_id = path.split("/")[-3]
    sent = ("/team/selected-invitations/revoke/", {"invitation": public_id}) if several else (path, {})

    with ThreadPoolExecutor(1) as pool:
        # given somebody who accepts, and is not done yet
        with tenant_context(world.tenant()):
            invitation = Invitation.by_public_id(public_id)
            accept_invitation(invitation=invitation, user=carol, actor=SYSTEM)
            # when it is revoked
            revoking = pool.submit(owner.post, *sent, follow=True)
            wait_until(is_blocking_another)
        told = revoking.result(30)

    # then
    assert member_of(world, carol).role == "viewer"
    with tenant_context(world.tenant()):
        assert Invitation.by_public_id(public_id).revoked_at is None
    assert "member.invitation_revoked" not in actions_in(world)
    if several:
        assert "Nothing was changed. 1 invitation left out." in told.content.decode()
    else:
        assert told.status_code == 404


def test_two_companies_that_resend_to_the_same_people_wait_for_each_other(world: World, login: Login) -> None:
    first, second = (f"{name}-{world.company.id.hex}@example.com" for name in "ab")
    owner, outsider = login(world.owner, world.company), login(world.outsider, world.other_company)
    for email in (second, first):
        invite(owner, email)
        invite(outsider, email)
    with tenant_context(world.tenant()):
        sent = {"invitation": [each.public_id for each in Invitation.objects.all()]}

    with ThreadPoolExecutor(1) as pool:
        with tenant_context(world.other_tenant()):
            inviter = Membership.objects.select_related("user").get()

            def resend(email: str) -> None:
                invitation = Invitation.objects.get(email=email, revoked_at=None)
                resend_invitation(invitation=invitation, inviter=inviter, actor=SYSTEM)

            # given a company that has resent the one that comes first
            resend(first)
            # when another one resends both
            resending = pool.submit(owner.post, "/team/selected-invitations/resend/", sent, follow=True)
            wait_until(is_blocking_another)
            # and the first one goes on with the next
            resend(second)
        told = resending.result(30)

    # then
    assert "2 invitations are sent again." in told.content.decode()
