"""Global search: an identifier leads to its page, in any mode and company of the user, and in no others."""

import re
from collections.abc import Callable
from html import unescape
from uuid import UUID

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import Company, Membership
from accounts.roles import Role
from apikeys.models import ApiKeySecret
from audit.ingest.store import store
from billing.models import Customer
from core import clock
from core.security.crypto import sha256_hex
from core.tenancy import system_context, tenant_context
from core.valkey import commands
from core.values import ids
from tests.audit.rows import make_row
from tests.contracts.samples import OBJECTS
from tests.factories import World, join, make_customer, make_key, make_user

Login = Callable[..., Client]


def find(browser: Client, text: str) -> str:
    """Return where the text leads, or an empty text for a list."""
    answer = browser.post("/find/", {"q": text})
    assert answer.status_code in (200, 302)
    return answer.headers.get("Location", "")


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        ("customers", "/customers/{}/"),
        ("invoices", "/invoices/{}/"),
        ("charges", "/charges/{}/"),
        ("messages", "/messages/{}/"),
        ("webhook_endpoints", "/webhooks/{}/"),
        ("deliveries", "/webhooks/deliveries/{}/"),
    ],
)
@pytest.mark.parametrize("mode", ["live", "test"])
def test_identifier_opens_its_page_and_switches_the_mode(
    world: World, login: Login, kind: str, page: str, mode: str
) -> None:
    # given somebody who looks at live data
    browser = login(world.owner, world.company)
    wanted = OBJECTS[kind](world.tenant(mode))
    # when
    answer = browser.post("/find/", {"q": f"  {wanted} "})
    # then they are on its page, and are told when the mode is another one now
    assert answer.headers["Location"] == page.format(wanted)
    text_shown = [str(message) for message in get_messages(answer.wsgi_request)]
    assert text_shown == ([] if mode == "live" else ["This is in Test: switched."])
    assert browser.get(page.format(wanted)).status_code == 200


def test_search_that_arrives_after_its_page_was_left_is_answered_without_a_notice(
    world: World, login: Login
) -> None:
    # given a page of live data, from whose search somebody has gone to an object of test data
    browser = login(world.owner, world.company)
    wanted = make_customer(world.tenant("test"), name="Mode Mistaken").public_id
    referer = f"http://testserver/?company={world.company.public_id}&mode=live"
    browser.post("/find/", {"q": wanted}, headers={"referer": referer})
    # when the search that was sent while they typed arrives only now
    answer = browser.post("/find/", {"q": wanted}, headers={"referer": referer, "hx-request": "true"})
    # then it lists what it found, and the next page says where they are, and nothing else
    assert answer.status_code == 200
    assert "Mode Mistaken" in answer.content.decode()
    page = browser.get(f"/customers/{wanted}/").content.decode()
    assert "This is in Test: switched." in page
    assert "Nothing was changed" not in page


def test_keys_are_found_by_identifier_name_and_the_part_of_a_secret_that_pages_show(
    world: World, login: Login
) -> None:
    issued = make_key(world.company, name="billing worker")
    row = make_row(world.company.id)
    store([row])
    browser = login(world.owner, world.company)
    page = f"/keys/{issued.client_id}/"

    for text in (
        issued.client_id,
        "billing worker",
        issued.client_secret,
        issued.client_secret[:16],
        f"{issued.client_secret[:16]}…{issued.client_secret[-4:]}",
    ):
        assert find(browser, text) == page, text
    request = ids.encode("req", UUID(row[0]))
    assert find(browser, request) == f"/requests/{request}/"


@pytest.mark.parametrize("mode", ["live", "test"])
def test_key_is_found_by_the_beginning_of_a_shown_secret_in_any_mode_and_company(
    world: World, login: Login, mode: str
) -> None:
    # given: a key of another company of the user's, whose secret nobody else's begins like
    join(world.other_company, world.owner, Role.VIEWER)
    key = make_key(world.other_company, mode=mode, name="ci-deploy")
    secret, page = key.client_secret, f"/keys/{key.client_id}/"
    browser = login(world.owner, world.company)

    for text in (
        secret[:12],
        secret[:15],
        f"{secret[:16]}…{secret[-4:]}",
        f"{secret[:16]}...{secret[-4:]}",
        secret,
    ):
        assert find(browser, text) == page, text
        browser.post("/find/open/", {"company": world.company.public_id, "mode": "live", "path": "/"})
    # Fewer than three characters are no search, nor is the same beginning in the other mode or with another end.
    other = "test" if mode == "live" else "live"
    for text in (
        secret[:10],
        secret[:8],
        f"pm_{other}_{secret[8:12]}",
        f"{secret[:16]}…----",
        f"{secret[:16]}…abcd",
    ):
        assert find(browser, text) == "", text


def test_several_keys_of_one_beginning_are_listed(world: World, login: Login) -> None:
    first, second = make_key(world.company, name="first"), make_key(world.company, name="second")
    with tenant_context(world.tenant()):
        ApiKeySecret.objects.filter(key=second.key).update(locator=first.client_secret[8:15] + "~")
    browser = login(world.owner, world.company)

    page = browser.post("/find/", {"q": first.client_secret[:14]}).content.decode()

    assert [name for name in ("first", "second") if f">{name}</span>" in page] == ["first", "second"]


def test_secret_is_never_repeated_or_logged(
    world: World, login: Login, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    # given: a whole secret of nobody that the user knows
    secret = make_key(world.other_company).client_secret
    browser = login(world.owner, world.company)

    for headers in ({}, {"HX-Request": "true"}):
        answer = browser.post("/find/", {"q": secret}, headers=headers)

        assert answer.status_code == 200
        assert "No key in your companies has this secret." in answer.content.decode()
        assert secret[16:] not in answer.content.decode()
    assert secret[16:] not in "".join([caplog.text, *capfd.readouterr()])


def recent(browser: Client, opened: str = "/") -> list[str]:
    """Return what "Find anything" offers as recent while its field is empty, with the company and mode where it says them."""
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{opened}"}
    page = browser.post("/find/", {"q": ""}, headers=headers).content.decode()
    section = re.search(r'<p class="nav-title">Recent</p>(.*?)</ul>', page, re.DOTALL)
    hits = re.findall(r'class="find-hit".*?</(?:a|button)>', section[1], re.DOTALL) if section else []
    return [" ".join(unescape(re.sub(r"<[^>]*>", " ", hit.partition(">")[2])).split()) for hit in hits]


def test_what_was_opened_last_is_offered_by_name_while_the_field_is_empty(world: World, login: Login) -> None:
    join(world.other_company, world.owner, Role.VIEWER)
    browser = login(world.owner, world.company)
    key = make_key(world.company, name="ci-deploy")
    mine, tested = (
        make_customer(world.tenant(), name="Ada"),
        make_customer(world.tenant("test"), name="Grace"),
    )
    theirs = make_customer(world.other_tenant("test"), name="Joan")
    assert recent(browser) == []

    for company, mode, path in (
        (world.company, "live", f"/customers/{mine.public_id}/"),
        (world.company, "live", f"/keys/{key.client_id}/"),
        (world.company, "test", f"/customers/{tested.public_id}/"),
        (world.other_company, "test", f"/customers/{theirs.public_id}/"),
        (world.company, "live", f"/customers/{mine.public_id}/"),
    ):
        browser.get(path, {"company": company.public_id, "mode": mode}, follow=True)

    # then: the newest first, each once, and where it is if that is elsewhere
    other = f"Customer Joan {world.other_company.name}, Test"
    assert recent(browser) == ["Customer Ada", other, "Customer Grace Test", "API key ci-deploy"]
    assert recent(browser, f"/customers/{mine.public_id}/?mode=live")[0] == other
    assert "Suggested pages" in browser.get("/find/").content.decode()
    # Nothing that was refused is remembered, and nobody else gets to see it.
    browser.get(f"/customers/{world.company.public_id}/")
    assert len(recent(browser)) == 4
    assert recent(login(world.teammate, world.company)) == []
    # What is deleted goes from the list, and so does another company's with the membership.
    with tenant_context(world.tenant("test")):
        Customer.objects.filter(id=tested.id).update(deleted_at=clock.now())
    with tenant_context(world.other_tenant()):
        Membership.objects.filter(user=world.owner).delete()
    assert recent(browser) == ["Customer Ada", "API key ci-deploy"]


def test_eight_are_offered_and_signing_out_forgets_them(world: World, login: Login) -> None:
    browser = login(world.owner, world.company)
    names = [f"customer {number}" for number in range(12)]
    for name in names:
        browser.get(f"/customers/{make_customer(world.tenant(), name=name).public_id}/")

    assert recent(browser) == [f"Customer {name}" for name in names[:3:-1]]
    kept = f"recent:1:{sha256_hex(browser.cookies['sessionid'].value.encode())}"
    assert commands.call("LLEN", kept) == 9
    browser.post("/accounts/logout/")
    assert commands.call("EXISTS", kept) == 0


def test_company_that_requires_a_second_factor_is_not_looked_through_without_one(
    world: World, login: Login
) -> None:
    # given: a member without a second factor, who has opened an object before the other company required one
    join(world.other_company, world.owner, Role.VIEWER)
    theirs = make_customer(world.other_tenant(), name="Joan")
    browser = login(world.owner, world.company)
    browser.get(f"/customers/{theirs.public_id}/", {"company": world.other_company.public_id}, follow=True)
    browser.get("/", {"company": world.company.public_id}, follow=True)
    assert recent(browser) == [f"Customer Joan {world.other_company.name}, Live"]
    # when
    with system_context(reason="tests"):
        Company.objects.filter(id=world.other_company.id).update(second_factor_required_from=clock.now())
    # then: neither its objects nor their names are shown
    assert recent(browser) == []
    assert find(browser, theirs.public_id) == ""


def test_only_pages_that_a_role_opens_are_suggested(world: World, login: Login) -> None:
    viewer = make_user("viewer")
    join(world.company, viewer, Role.VIEWER)

    for user, expected in ((viewer, False), (world.owner, True)):
        page = login(user, world.company).post("/find/", headers={"HX-Request": "true"}).content.decode()
        assert ("Create key" in page) is expected


def test_people_and_customers_are_found_by_their_addresses(world: World, login: Login) -> None:
    browser = login(world.owner, world.company)
    customer = make_customer(world.tenant("test"), email="Ada@Example.com", external_id="crm-7")

    assert find(browser, world.teammate.email) == "/team/"
    assert find(browser, "ada@example.COM") == f"/customers/{customer.public_id}/"
    assert find(browser, "crm-7") == f"/customers/{customer.public_id}/"


def test_search_covers_all_own_companies_and_no_others(world: World, login: Login) -> None:
    theirs = make_customer(world.other_tenant("test"), email="only@example.org")
    browser = login(world.owner, world.company)

    for text in (
        theirs.public_id,
        "only@example.org",
        world.other_company.public_id,
        world.other_company.slug,
    ):
        assert find(browser, text) == ""
        assert theirs.public_id not in browser.post("/find/", {"q": "only@example.org"}).content.decode()

    join(world.other_company, world.owner, Role.VIEWER)
    answer = browser.post("/find/", {"q": theirs.public_id})
    assert answer.headers["Location"] == f"/customers/{theirs.public_id}/"
    text_shown = [str(message) for message in get_messages(answer.wsgi_request)]
    assert text_shown == [f"This is in {world.other_company.name}, Test: switched."]


def test_several_matches_are_listed_and_can_be_opened(world: World, login: Login) -> None:
    first, second = (make_customer(world.tenant("test"), email="twins@example.com") for _ in range(2))
    browser = login(world.owner, world.company)

    page = browser.post("/find/", {"q": "twins@example.com"}).content.decode()

    for customer in (first, second):
        assert f"/customers/{customer.public_id}/" in page
    where = {"company": world.company.public_id, "mode": "test", "path": f"/customers/{first.public_id}/"}
    assert browser.post("/find/open/", where).headers["Location"] == where["path"]
    for wrong in ({"company": world.other_company.public_id}, {"path": "https://evil.test/"}, {"mode": "x"}):
        assert browser.post("/find/open/", {**where, **wrong}).status_code == 404


def test_search_as_you_type_returns_the_list_without_switching(world: World, login: Login) -> None:
    customer = make_customer(world.tenant("test"))
    browser = login(world.owner, world.company)

    answer = browser.post("/find/", {"q": customer.public_id}, headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()
    assert customer.name in answer.content.decode()
    assert browser.session.get("mode") != "test"


def test_link_into_the_other_mode_is_marked_and_can_be_followed(world: World, login: Login) -> None:
    customer = make_customer(world.tenant("test"), name="Mistaken Mode")
    browser = login(world.owner, world.company)
    path = f"/customers/{customer.public_id}/"

    missed = browser.get(path)

    assert missed.status_code == 404
    assert "But Mistaken Mode is in Test." in missed.content.decode()
    fields = dict(re.findall(r'name="(company|mode|path)" value="([^"]*)"', missed.content.decode()))
    assert browser.post("/find/open/", fields).headers["Location"] == path
    assert browser.get(path).status_code == 200
    outsider = login(world.outsider)
    assert "Mistaken Mode" not in outsider.get(path).content.decode()


@pytest.mark.parametrize("text", ["", " ", "\x00", "cus_", "x" * 10_000, "pm_live_", "%", "usr_ü"])
def test_unmatched_text_finds_nothing(world: World, login: Login, text: str) -> None:
    assert find(login(world.owner, world.company), text) == ""
