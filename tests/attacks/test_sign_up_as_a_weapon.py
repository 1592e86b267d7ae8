"""Abuse of self-created accounts: email to third parties, mass company creation, premium numbers."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.models import Company, Invitation, User
from accounts.roles import Role
from accounts.selectors import memberships_of
from accounts.services import suspend_company
from accounts.services.allowances import INVITATIONS_AT_FIRST
from core.tenancy import system_context, tenant_context
from tests.attacks.staff import staff_browser
from tests.clients import sign_in
from tests.factories import SYSTEM, World, join, make_company, make_key, make_user
from tests.threads import all_at_once


def invite(browser: Client, email: str, **sent: Any) -> int:
    return int(browser.post("/team/invite/", {"email": email, "role": "viewer"}, **sent).status_code)


def invited_by(company: Company) -> int:
    with tenant_context(company.live_tenant):
        return int(Invitation.objects.count())


def age(company: Company) -> None:
    """Let the company be known for more than a day."""
    with tenant_context(company.live_tenant):
        Company.objects.filter(id=company.id).update(created="2026-01-01T00:00:00Z")


def test_burst_of_invitations_stops_at_the_allowance(world: World) -> None:
    mail.outbox.clear()

    def burst(part: int) -> None:
        browser = sign_in(world.owner, world.company)
        for each in range(15):
            invite(browser, f"victim-{part}-{each}-{world.company.id.hex}@example.com")

    all_at_once(4, burst)

    assert invited_by(world.company) == INVITATIONS_AT_FIRST
    assert len(mail.outbox) == INVITATIONS_AT_FIRST


def test_revoking_an_invitation_restores_no_allowance(world: World) -> None:
    browser = sign_in(world.owner, world.company)

    for each in range(INVITATIONS_AT_FIRST + 3):
        invite(browser, f"v{each}-{world.company.id.hex}@example.com")
        page = browser.get("/team/").content.decode()
        for path in re.findall(r"/team/invitations/[^/]+/revoke/", page):
            browser.post(path)

    assert invited_by(world.company) == INVITATIONS_AT_FIRST


def test_allowance_is_shared_by_all_companies_of_a_person(world: World, settings: Any) -> None:
    settings.INVITATIONS_PER_DAY = 4
    second = make_company("Second", world.owner)
    for company in (world.company, second):
        browser = sign_in(world.owner, company)
        for each in range(4):
            invite(browser, f"p{each}-{company.id.hex}@example.com")

    assert invited_by(world.company) + invited_by(second) == 4


def test_allowance_is_shared_per_ip_address(world: World, settings: Any) -> None:
    settings.INVITATIONS_PER_ADDRESS = 3
    place = {"REMOTE_ADDR": "2001:db8:77:1::5"}
    same = {"REMOTE_ADDR": "2001:db8:77:1:ffff::9"}
    for user, company, sent in (
        (world.owner, world.company, place),
        (world.outsider, world.other_company, same),
    ):
        for each in range(3):
            invite(sign_in(user, company), f"a{each}-{company.id.hex}@example.com", **sent)

    assert invited_by(world.company) + invited_by(world.other_company) == 3


def test_invitations_to_one_address_are_limited_across_senders(world: World, settings: Any) -> None:
    settings.INVITATIONS_PER_RECIPIENT = 3
    victim = make_user("victim").email
    companies = [make_company(f"Company {each}", make_user("boss")) for each in range(5)]
    mail.outbox.clear()

    for company in companies:
        with system_context(reason="test"):
            [owner] = User.objects.filter(email__startswith="boss", pk__in=_owners(company))
        invite(sign_in(owner, company), victim)

    assert len(mail.outbox) == 3


def _owners(company: Company) -> list[Any]:
    from accounts.models import Membership

    with tenant_context(company.live_tenant):
        return list(Membership.objects.values_list("user_id", flat=True))


def test_established_company_may_invite_its_team(world: World) -> None:
    age(world.company)
    browser = sign_in(world.owner, world.company)

    for each in range(INVITATIONS_AT_FIRST + 2):
        invite(browser, f"k{each}-{world.company.id.hex}@example.com")

    assert invited_by(world.company) == INVITATIONS_AT_FIRST + 2


def test_suspended_company_sends_no_invitations(world: World) -> None:
    suspend_company(company=world.company, reason="test", actor=SYSTEM)
    mail.outbox.clear()

    assert invite(sign_in(world.owner, world.company), make_user("victim").email) == 422
    assert mail.outbox == []


@pytest.mark.parametrize(
    "words",
    [
        "Win now: https://evil.example/win",
        "evil.example/win",
        "www.evil.example",
        "call@evil.example",
        "//evil.example",
        "evil。example",
        "EVIL.EXAMPLE",
        "http:evil.example",
    ],
)
def test_user_text_is_never_a_link_in_platform_email(world: World, words: str) -> None:
    with tenant_context(world.tenant()):
        Company.objects.filter(id=world.company.id).update(name=words)
    User.objects.filter(id=world.owner.id).update(name=words)
    owner = User.objects.get(id=world.owner.id)
    mail.outbox.clear()

    invite(sign_in(owner, world.company), make_user("victim").email)

    [message] = mail.outbox
    html = str(message.alternatives[0][0])
    for text in (message.subject, message.body, html):
        rest = text.replace("http://testserver", "")
        assert not re.search(r"evil[.。]example|https?://\S*evil|@evil", rest, re.IGNORECASE), rest
    assert "evil" not in message.subject


def test_user_agent_that_is_a_link_is_not_a_link_in_our_email(world: World) -> None:
    browser = sign_in(world.owner)
    new = "another-long-password-7"
    mail.outbox.clear()

    browser.post(
        "/accounts/password/change/",
        {"oldpassword": "correct-horse-battery-staple-9", "password1": new, "password2": new},
        headers={"User-Agent": "see https://evil.example/ now"},
    )

    [message] = mail.outbox
    assert "evil[.]example" in message.body
    assert "evil.example" not in message.body


# --- companies ----------------------------------------------------------------------------------------------------------


def found(browser: Client, name: str, **sent: Any) -> int:
    return int(browser.post("/companies/new/", {"name": name}, **sent).status_code)


def test_company_creation_stops_at_the_allowance() -> None:
    person = make_user("founder")
    browser = sign_in(person)

    answers = [found(browser, f"Company {each}") for each in range(8)]

    assert answers == [302] * 5 + [422] * 3
    assert len(memberships_of(person)) == 5


def test_accounts_at_one_ip_address_share_the_allowance(settings: Any) -> None:
    settings.COMPANIES_PER_ADDRESS = 2
    place = {"REMOTE_ADDR": f"203.0.113.{make_user().pk.int % 250}"}

    answers = [found(sign_in(make_user("founder")), "Company", **place) for _ in range(4)]

    assert answers[2:] == [422, 422]


def test_approved_mode_makes_new_companies_wait_for_staff(settings: Any) -> None:
    settings.COMPANY_CREATION = "approved"
    person = make_user("founder")
    assert found(sign_in(person), "Hopeful") == 302
    [membership] = memberships_of(person)
    company = membership.company
    issued = make_key(company, scopes=["customers:read"])
    from tests.clients import ApiClient, random_address

    api = ApiClient(issued.client_secret, ip=random_address())

    assert api.get("/v1/customers").code == "company_suspended"
    assert invite(sign_in(person, company), make_user("victim").email) == 422
    staff_browser(superuser=True).post(
        "/staff/accounts/company/",
        {
            "action": "resume",
            "_selected_action": [str(company.id)],
            "confirmed": "1",
            "named": company.slug,
            "reason": "We know them.",
        },
    )
    assert api.get("/v1/customers").status == 200


def test_closed_mode_lets_nobody_create_a_company(settings: Any) -> None:
    settings.COMPANY_CREATION = "closed"
    person = make_user("founder")

    assert found(sign_in(person), "Hopeful") == 422
    assert memberships_of(person) == []


def test_joining_a_company_costs_no_allowance(world: World) -> None:
    person = make_user("joiner")
    for each in range(6):
        join(make_company(f"Host {each}", make_user("host")), person, Role.VIEWER)

    assert found(sign_in(person), "Own") == 302


# --- dear numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", ["+449098790000", "+4990012345678", "+19002345678", "+33899123456", "+448431234567"]
)
def test_premium_rate_number_is_refused_as_recipient(world: World, api: Any, number: str) -> None:
    client = api(make_key(world.company, scopes=["sms:send", "messaging:read"]).client_secret)

    refused = client.post("/v1/messages", {"channel": "sms", "to": [number], "text": "hello"})

    assert refused.status == 400
    assert refused.json["error"]["fields"][0]["code"] in ("premium_number", "invalid_phone_number")
    assert client.get("/v1/messages").json["data"] == []
