"""Triggers for events about companies and their members: joining, leaving, signing in, authenticating."""

import re

from django.test import Client

from accounts.selectors import memberships_of
from tests.accounts.test_pages import invite, member_of
from tests.accounts.test_signing_in import totp_code
from tests.audit.scene import Scene, Written, provokes
from tests.clients import sign_in
from tests.factories import PASSWORD, make_user


@provokes("company.created")
def company_created(scene: Scene) -> Written:
    user = make_user("founder")
    assert sign_in(user).post("/companies/new/", {"name": "Founders"}).status_code == 302
    [membership] = memberships_of(user)
    return Written(("user", user.public_id), membership.company)


@provokes("company.updated")
def company_updated(scene: Scene) -> Written:
    form = {"name": "Acme Two", "slug": scene.world.company.slug}
    assert scene.owner.post("/settings/", form).status_code == 302
    return scene.by_owner()


@provokes("company.suspended")
def company_suspended(scene: Scene) -> Written:
    scene.act_as_staff("accounts/company", "suspend", scene.world.company)
    return scene.by_staff(where={"detail__reason": "asked for by phone"})


@provokes("company.resumed")
def company_resumed(scene: Scene) -> Written:
    scene.act_as_staff("accounts/company", "suspend", scene.world.company)
    scene.act_as_staff("accounts/company", "resume", scene.world.company)
    return scene.by_staff(where={"detail__reason": "asked for by phone"})


@provokes("member.invited")
def member_invited(scene: Scene) -> Written:
    invite(scene.owner, make_user("guest").email)
    return scene.by_owner()


@provokes("member.invitation_revoked")
def invitation_revoked(scene: Scene) -> Written:
    invite(scene.owner, make_user("guest").email)
    path = re.search(r"/team/invitations/[^/]+/revoke/", scene.owner.get("/team/").content.decode())
    assert path is not None
    assert scene.owner.post(path[0]).status_code == 302
    return scene.by_owner()


@provokes("member.joined")
def member_joined(scene: Scene) -> Written:
    guest = make_user("guest")
    link = invite(scene.owner, guest.email)
    assert sign_in(guest).post(link).status_code == 302
    return Written(("user", guest.public_id), scene.world.company)


@provokes("member.role_changed")
def role_changed(scene: Scene) -> Written:
    member = member_of(scene.world, scene.world.teammate)
    assert scene.owner.post(f"/team/{member.public_id}/role/", {"role": "viewer"}).status_code == 302
    return scene.by_owner(where={"changes__role": ["developer", "viewer"]})


@provokes("member.removed")
def member_removed(scene: Scene) -> Written:
    member = member_of(scene.world, scene.world.teammate)
    assert scene.owner.post(f"/team/{member.public_id}/remove/").status_code == 302
    return scene.by_owner()


@provokes("user.signed_in")
def signed_in(scene: Scene) -> Written:
    form = {"login": scene.world.owner.email, "password": PASSWORD}
    assert Client().post("/accounts/login/", form).status_code == 302
    return scene.by_owner()


@provokes("user.sign_in_failed")
def sign_in_failed(scene: Scene) -> Written:
    Client().post("/accounts/login/", {"login": scene.world.owner.email, "password": "wrong"})
    return Written(("user", ""), where={"detail__email": scene.world.owner.email})


@provokes("user.password_changed")
def password_changed(scene: Scene) -> Written:
    new = "another-long-password-7"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert scene.owner.post("/accounts/password/change/", form).status_code == 302
    return scene.by_owner()


def add_authenticator(browser: Client) -> None:
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = browser.get("/accounts/2fa/totp/activate/").content.decode()
    secret = re.search(r'id="authenticator_secret"[^>]*value="([A-Z2-7]+)"', page)
    assert secret is not None
    assert browser.post("/accounts/2fa/totp/activate/", {"code": totp_code(secret[1])}).status_code == 302


@provokes("user.second_factor_added")
def second_factor_added(scene: Scene) -> Written:
    add_authenticator(scene.owner)
    return scene.by_owner(where={"detail__factor": "totp"})


@provokes("user.second_factor_removed")
def second_factor_removed(scene: Scene) -> Written:
    add_authenticator(scene.owner)
    assert scene.owner.post("/accounts/2fa/totp/deactivate/").status_code == 302
    return scene.by_owner(where={"detail__factor": "totp"})


@provokes("company.security_policy_changed")
def security_policy_changed(scene: Scene) -> Written:
    form = {"grace_days": "14", "keys_need_networks": "on"}
    assert scene.owner.post("/settings/policies/", form).status_code == 302
    return scene.by_owner()


@provokes("company.request_bodies_changed")
def request_bodies_changed(scene: Scene) -> Written:
    assert scene.owner.post("/requests/bodies/live/keep/").status_code == 302
    return scene.by_owner()


@provokes("company.ownership_transferred")
def ownership_transferred(scene: Scene) -> Written:
    to = member_of(scene.world, scene.world.teammate)
    form = {"member": to.public_id, "reason": "handed over"}
    assert scene.owner.post("/team/transfer/", form).status_code == 302
    return scene.by_owner()


@provokes("user.sessions_ended")
def sessions_ended(scene: Scene) -> Written:
    form = {"login": scene.world.owner.email, "password": PASSWORD}
    other = Client()
    assert other.post("/accounts/login/", form).status_code == 302
    assert scene.owner.post("/accounts/sessions/").status_code == 302
    return scene.by_owner()
