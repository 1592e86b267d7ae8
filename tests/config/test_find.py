"""Find anything: whatever a person has in hand leads to its page, in any mode and company of theirs, and in nobody else's."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.roles import Role
from audit.ingest.store import store
from core.values import ids
from tests.audit.rows import make_row
from tests.contracts.samples import OBJECTS
from tests.factories import World, join, make_customer, make_key

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
def test_an_identifier_leads_to_its_page_and_switches_the_mode(
    world: World, login: Login, kind: str, page: str, mode: str
) -> None:
    # given somebody who looks at live data
    browser = login(world.owner, world.company)
    wanted = OBJECTS[kind](world.tenant(mode))
    # when
    answer = browser.post("/find/", {"q": f"  {wanted} "})
    # then they are on its page, and are told when the mode is another one now
    assert answer.headers["Location"] == page.format(wanted)
    said = [str(message) for message in get_messages(answer.wsgi_request)]
    assert said == ([] if mode == "live" else ["This is in Test: switched."])
    assert browser.get(page.format(wanted)).status_code == 200


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


def test_people_and_customers_are_found_by_their_addresses(world: World, login: Login) -> None:
    browser = login(world.owner, world.company)
    customer = make_customer(world.tenant("test"), email="Ada@Example.com", external_id="crm-7")

    assert find(browser, world.teammate.email) == "/team/"
    assert find(browser, "ada@example.COM") == f"/customers/{customer.public_id}/"
    assert find(browser, "crm-7") == f"/customers/{customer.public_id}/"


def test_another_company_of_ones_own_is_looked_through_and_nobody_elses(world: World, login: Login) -> None:
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
    said = [str(message) for message in get_messages(answer.wsgi_request)]
    assert said == [f"This is in {world.other_company.name}, Test: switched."]


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


def test_while_one_types_the_list_comes_alone_and_nothing_is_switched(world: World, login: Login) -> None:
    customer = make_customer(world.tenant("test"))
    browser = login(world.owner, world.company)

    answer = browser.post("/find/", {"q": customer.public_id}, headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()
    assert customer.name in answer.content.decode()
    assert browser.session.get("mode") != "test"


def test_a_link_into_the_other_mode_says_so_and_can_be_followed(world: World, login: Login) -> None:
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
def test_meaningless_text_finds_nothing(world: World, login: Login, text: str) -> None:
    assert find(login(world.owner, world.company), text) == ""
