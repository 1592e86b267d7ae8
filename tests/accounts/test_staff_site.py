"""The staff site: access, audited views, and changes that require a reason."""

import html
import re
from decimal import Decimal
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.core import mail
from django.test import Client

from accounts.models import AWAITING, Company, User
from accounts.services import resume_company, suspend_company
from audit.models import AuditEntry
from billing.entitlements import LIMIT_NAMES
from billing.services import decline_tier_request, override_limits, request_tier
from core import clock
from core.tenancy import system_context, tenant_context
from core.ui.staff import StaffModelAdmin
from messaging.models import DailyUsage, Reputation, SmsSender, SmsSpend
from messaging.services import assign_sms_sender, decide_sms_sender
from tests.attacks.staff import make_staff
from tests.clients import ApiClient, sign_in
from tests.contracts.samples import OBJECTS
from tests.factories import SYSTEM, World, make_key, make_user
from webhooks.models import Endpoint


def _staff() -> User:
    user = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    return user


def _suspended(company: Company) -> bool:
    with system_context(reason="test"):
        return Company.objects.get(id=company.id).suspended_at is not None


def test_staff_site_requires_a_second_factor(world: World) -> None:
    assert Client().get("/staff/").status_code == 302
    assert sign_in(world.owner).get("/staff/", follow=True).status_code == 403
    without_second_factor = make_user("newstaff", is_staff=True, is_superuser=True)
    answer = sign_in(without_second_factor).get("/staff/", follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/2fa/"
    first_page = sign_in(_staff()).get("/staff/")
    assert first_page.status_code == 200
    for what in ("Oldest event that is not relayed", "Oldest audit entry that is not sealed"):
        assert what in first_page.content.decode()
    [runbook] = re.findall(r'What to do about each: <a[^>]* href="([^"]+)"', first_page.content.decode())
    assert "<h1" in Client().get(runbook).content.decode()


def test_page_titles_keep_the_case_of_names_and_ids(world: World) -> None:
    key = make_key(world.company, name="ci-deploy").key

    page = sign_in(_staff()).get(f"/staff/apikeys/apikey/{key.id}/change/").content.decode()

    crumbs = [
        re.sub(r"<[^>]+>", "", each).strip()
        for each in re.findall(r'truncate tracking-tight">([^<]*)<', page)
    ]
    assert crumbs == ["API keys", "API keys", "ci-deploy"]


def test_company_page_distinguishes_tier_limits_from_overrides(world: World) -> None:
    override_limits(company=world.company, overrides={"sms_per_day": 7}, reason="agreed", actor=SYSTEM)

    page = sign_in(_staff()).get(f"/staff/accounts/company/{world.company.id}/change/").content.decode()

    assert "Limits (Starter)" in page
    for heading in ("In effect", "Tier", "Override", "Used (live)"):
        assert f'data-label="{heading}"' in page


def test_every_list_and_a_company_page_can_be_opened(world: World) -> None:
    browser = sign_in(_staff())
    for path in ("accounts/company/", "accounts/membership/", "accounts/user/"):
        assert browser.get(f"/staff/{path}").status_code == 200
    page = browser.get(f"/staff/accounts/company/{world.company.id}/change/")
    assert page.status_code == 200
    assert world.company.name in page.content.decode()


def test_staff_site_uses_no_ambiguous_date_formats(world: World) -> None:
    browser = sign_in(_staff())
    make_key(world.company)
    models = [model for site in admin.sites.all_sites for model in site._registry]
    lists = [f"/staff/{each._meta.app_label}/{each._meta.model_name}/" for each in models]

    american = {}
    for path in (*lists, f"/staff/accounts/company/{world.company.id}/change/"):
        text = html.unescape(re.sub(r"<[^>]+>", " ", browser.get(path).content.decode()))
        if found := re.search(
            r"\b[ap]\.m\.|noon|midnight|\b[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}|\b\d{1,2}/\d{1,2}/\d{4}", text
        ):
            american[path] = found[0]

    assert not american
    company = f"{world.company.created:%Y-%m-%d %H:%M:%S} UTC"
    assert company in browser.get(f"/staff/accounts/company/{world.company.id}/change/").content.decode()


def test_suspending_requires_a_reason(world: World) -> None:
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


def test_viewing_a_company_is_audited_in_its_own_trail(world: World) -> None:
    sign_in(_staff()).get(f"/staff/accounts/company/{world.company.id}/change/")
    with tenant_context(world.tenant()):
        looks = list(AuditEntry.objects.filter(action="staff.viewed").values_list("actor_kind", "target_id"))
    assert looks == [("staff", world.company.public_id)]
    with tenant_context(world.other_tenant()):
        assert not AuditEntry.objects.filter(action="staff.viewed").exists()


def test_staff_site_relaxes_the_csp_for_itself_only(world: World) -> None:
    policy = sign_in(_staff()).get("/staff/").headers["Content-Security-Policy"]
    elsewhere = sign_in(world.owner).get("/team/").headers["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval';" in f"{policy};"
    assert "style-src 'self' 'unsafe-inline';" in f"{policy};"
    assert "unsafe" not in elsewhere


def test_only_audited_admins_are_registered() -> None:
    browser = sign_in(_staff())

    for path in ("account/emailaddress/", "auth/group/", "mfa/authenticator/"):
        assert browser.get(f"/staff/{path}").status_code == 404
    assert all(isinstance(one, StaffModelAdmin) for one in admin.site._registry.values())


# --- the home, and the page of a company ----------------------------------------------------------------------------


def _line(page: str, label: str) -> tuple[str, str]:
    """Return where a line of the home leads and how many it says there are."""
    found = re.search(rf'href="([^"]+)">{label}</a>\s*<span[^>]*>\s*([^<]*)<', page)
    assert found is not None, label
    return html.unescape(found[1]), found[2].strip()


def test_staff_home_links_to_pending_work(world: World) -> None:
    browser = sign_in(_staff())
    with tenant_context(world.tenant()):
        request_tier(company=world.company, tier="pro", actor=SYSTEM, requested_by=world.owner)
        Endpoint.objects.create(
            url="https://hooks.acme.example/", events=["*"], headers=b"", failing_since=clock.now()
        )
        SmsSender.objects.create(sender="Acme", sender_normalized="acme", reason="our name")
        Reputation.objects.create(state="paused", appeal="The list is cleaned.", appealed_at=clock.now())
    suspend_company(company=world.other_company, reason=AWAITING, actor=SYSTEM)
    home = browser.get("/staff/").content.decode()

    for label, found in (
        ("Tier requests", world.company.name),
        ("Companies to approve", world.other_company.slug),
        ("SMS senders to review", "Acme"),
        ("Appeals to lift an email pause", world.company.name),
        ("Failing webhook endpoints", "https://hooks.acme.example/"),
    ):
        address, count = _line(home, label)
        assert count != "none", label
        listed = browser.get(address)
        assert listed.status_code == 200
        # Other tests' rows come before or after: the list is asked for this company's.
        company = world.other_company if "approve" in label else world.company
        narrowed = browser.get(f"{address}&q={company.public_id}").content.decode()
        assert found in html.unescape(narrowed), label
    assert (
        world.other_company.slug
        not in browser.get("/staff/accounts/company/?state=suspended").content.decode()
    )
    for part in ("Database", "Database role", "Row-level security", "Valkey", "Background threads"):
        assert f"<span>{part}</span>" in home


def test_staff_home_counts_only_what_its_viewer_may_open() -> None:
    home = sign_in(make_staff("billing.view_tierrequest")).get("/staff/").content.decode()

    assert _line(home, "Tier requests")[0] == "/staff/billing/tierrequest/?status__exact=open"
    assert "Companies to approve" not in home


def test_the_page_of_a_company_shows_what_staff_may_see_of_it(world: World) -> None:
    key = make_key(world.company, name="the-till").key
    override_limits(company=world.company, overrides={"sms_per_day": 7}, reason="agreed", actor=SYSTEM)
    address = f"/staff/accounts/company/{world.company.id}/change/"

    everything = sign_in(_staff()).get(address).content.decode()
    for text in (
        world.owner.email,
        "the-till",
        "SMS recipients a day",
        "company.limits_overridden",
        "Override limits",
    ):
        assert text in everything, text
    assert world.outsider.email not in everything
    assert f"/staff/apikeys/apikey/?q={world.company.public_id}" in everything
    little = sign_in(make_staff("accounts.view_company")).get(address).content.decode()
    for text in (
        world.owner.email,
        key.name,
        "SMS recipients a day",
        "company.limits_overridden",
        "Suspend company",
    ):
        assert text not in little, text
    assert sign_in(make_staff("apikeys.view_apikey")).get(address).status_code == 403
    assert sign_in(_staff()).get("/staff/accounts/company/nobody/change/").status_code == 404


def _beside(page: str, name: str) -> str:
    """Return what the form says beside a field."""
    field = page[page.index(f'name="{name}"') :]
    found = re.search(r'<div class="leading-relaxed[^>]*>(.*?)</div>', field, re.DOTALL)
    assert found, name
    return " ".join(html.unescape(found[1]).split())


def test_todays_use_is_told_beside_every_limit(world: World, settings: Any) -> None:
    # given: a company whose live key has sent requests and messages in this minute, and whose SMS have prices
    settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "twilio"}
    tenant, day = world.tenant(), clock.now().date()
    # Of so few a minute no token comes back while this test runs.
    few = {"requests_per_minute": 4, "messages_per_minute": 1}
    override_limits(company=world.company, overrides=few, reason="agreed", actor=SYSTEM)
    secret = make_key(world.company, scopes=["customers:read", "messaging:send"]).client_secret
    client = ApiClient(secret)
    for _ in range(3):
        assert client.get("/v1/customers").status == 200
    assert client.post("/v1/messages", {"channel": "email"}).status == 400
    OBJECTS["webhook_endpoints"](tenant)
    with tenant_context(tenant):
        DailyUsage.objects.create(channel="email", day=day, recipients=1_234)
        SmsSpend.objects.create(day=day, currency="USD", amount=Decimal("3.204"))
    browser = sign_in(_staff())
    chosen = {"action": "override_limits", "_selected_action": [str(world.company.id)]}

    asked = browser.post("/staff/billing/companyplan/", chosen).content.decode()
    page = browser.get(f"/staff/accounts/company/{world.company.id}/change/").content.decode()

    uses = {
        "requests_per_minute": "4 in the last minute",
        "messages_per_minute": "1 in the last minute",
        "email_per_day": "1,234 today",
        "sms_per_day": "0 today",
        "webhook_endpoints": "1 now; not counted per day",
        "sms_spend_per_day": "$3.21 today",
    }
    assert {
        name: _beside(asked, name).partition("Used (live): ")[2].rstrip(".") for name in LIMIT_NAMES
    } == uses
    assert [use for use in uses.values() if use not in page] == []
    # What nobody reports is said, too.
    settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "file"}
    asked = browser.post("/staff/billing/companyplan/", chosen).content.decode()
    assert _beside(asked, "sms_spend_per_day").endswith(
        "Used (live): not counted: the provider of SMS reports no prices."
    )


def test_limit_form_shows_the_current_limits(world: World) -> None:
    browser = sign_in(_staff())
    override_limits(company=world.company, overrides={"sms_per_day": 7}, reason="agreed", actor=SYSTEM)
    back = f"/staff/accounts/company/{world.company.id}/change/"
    chosen = {"action": "override_limits", "_selected_action": [str(world.company.id)], "back": back}

    asked = browser.post("/staff/billing/companyplan/", chosen).content.decode()
    assert "Now 7, an override; its tier has 50." in asked
    assert "SMS per day" in asked
    assert "Sms" not in asked
    tier = browser.post("/staff/billing/companyplan/", {**chosen, "action": "change_tier"}).content.decode()
    assert "Now Starter." in tier
    assert "Now 60, from its tier." in asked
    # What the company has by itself is filled in: an empty field would end it.
    assert re.search(r'name="sms_per_day"[^>]*value="7"|value="7"[^>]*name="sms_per_day"', asked)
    why = {"confirmed": "1", "named": world.company.slug, "reason": "grew a lot", "sms_per_day": "8"}
    done = browser.post("/staff/billing/companyplan/", {**chosen, **why})
    assert done.headers["Location"] == back
    elsewhere = browser.post("/staff/billing/companyplan/", {**chosen, **why, "back": "//evil.example/"})
    assert elsewhere.headers["Location"] == "/staff/billing/companyplan/"


def test_requester_gets_the_decision_by_email(world: World) -> None:
    with tenant_context(world.tenant()):
        wish = request_tier(company=world.company, tier="pro", actor=SYSTEM, requested_by=world.owner)
        sender = SmsSender.objects.create(sender="Acme", sender_normalized="acme", reason="our name")
        assert wish.company == world.company  # read here: the service is called from outside of the tenant
    suspend_company(company=world.company, reason=AWAITING, actor=SYSTEM)
    mail.outbox.clear()

    decline_tier_request(request=wish, reason="not.this/year", actor=SYSTEM)
    with tenant_context(world.tenant()):
        decide_sms_sender(sender=sender, is_approved=True, decision="it is yours", actor=SYSTEM)
        assign_sms_sender(sender="Acme Shop", decision="asked for by phone", actor=SYSTEM)
    resume_company(company=world.company, reason="looked at", actor=SYSTEM)
    suspend_company(company=world.company, reason="unpaid", actor=SYSTEM)
    resume_company(company=world.company, reason="paid", actor=SYSTEM)

    assert [(each.to, each.subject) for each in mail.outbox] == [
        ([world.owner.email], "Your request for the pro tier was declined"),
        ([world.owner.email], "The SMS sender Acme is approved"),
        ([world.owner.email], "The SMS sender Acme Shop is assigned"),
        ([world.owner.email], f"{world.company.name} is approved"),
    ]
    assert "Reason: not[.]this/year" in mail.outbox[0].body
