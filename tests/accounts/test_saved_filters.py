"""Saved filters: shown above their list, private to each member, renamed, removed and restored."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import Membership, SavedFilter
from accounts.services.saved_filters import MOST_SAVED, UNDO_FOR
from core import clock
from core.tenancy import tenant_context
from tests.factories import World

pytestmark = pytest.mark.usefixtures("template_contexts")

Login = Callable[..., Client]
NARROWED = "/requests/?status=4xx&period=24h"


def save(browser: Client, name: str, query: str = "status=4xx&period=24h", page: str = "/requests/") -> str:
    """Send the form above a list; return what the next page says of it."""
    answer = browser.post("/saved-filters/save/", {"page": page, "query": query, "name": name})
    assert answer.status_code == 302
    return [str(one) for one in get_messages(answer.wsgi_request)][-1]


def saved_of(world: World) -> list[SavedFilter]:
    with tenant_context(world.tenant()):
        return list(SavedFilter.objects.order_by("id"))


def offered(browser: Client, address: str) -> list[tuple[str, bool]]:
    """Return the saved filters above the list at `address`: the name of each, and whether it is the one in force."""
    page = browser.get(address).content.decode()
    shown = re.search(r'aria-label="Saved filters">(.*?)</nav>', page, re.DOTALL)
    links = re.findall(r"<a ([^>]*)>([^<]*)</a>", shown[1])[:-1] if shown else []
    return [(name, 'aria-current="page"' in attributes) for attributes, name in links]


def test_filter_is_saved_listed_renamed_removed_and_restored(world: World, login: Login) -> None:
    browser = login(world.owner)

    save(browser, "Refused today", "period=24h&status=4xx&q=&limit=50&starting_after=req_x&live=1")

    [saved] = saved_of(world)
    assert saved.query == "period=24h&status=4xx"
    # In whichever order an address has them, and wherever in the list it is.
    assert offered(browser, NARROWED + "&limit=20") == [("Refused today", True)]
    assert offered(browser, "/requests/?status=5xx") == [("Refused today", False)]
    assert offered(browser, "/audit/?period=24h") == []
    assert (
        'href="/requests/?period=24h&amp;status=4xx" aria-current="page"'
        in browser.get(NARROWED).content.decode()
    )

    browser.post(f"/saved-filters/{saved.public_id}/rename/", {"name": "No entry"})
    assert offered(browser, NARROWED) == [("No entry", True)]
    browser.post(f"/saved-filters/{saved.public_id}/remove/")
    assert offered(browser, NARROWED) == []
    assert [row.saved.name for row in browser.get("/saved-filters/").context["removed"]] == ["No entry"]
    browser.post(f"/saved-filters/{saved.public_id}/restore/")
    assert offered(browser, NARROWED) == [("No entry", True)]


def test_saved_filter_is_private_to_its_member(world: World, login: Login) -> None:
    save(login(world.owner), "Mine")
    [saved] = saved_of(world)

    for stranger in (world.teammate, world.outsider):
        browser = login(stranger)
        assert offered(browser, NARROWED) == []
        for action in ("rename", "remove", "restore"):
            answer = browser.post(f"/saved-filters/{saved.public_id}/{action}/", {"name": "Theirs"})
            assert answer.status_code == 404

    assert [(one.name, one.removed_at) for one in saved_of(world)] == [("Mine", None)]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"name": " "}, "Needs at least one visible character."),
        ({"name": "x" * 61}, "At most 60 characters are accepted."),
        ({"query": "q=&limit=50"}, "Choose a filter first: there is nothing to save."),
        ({"query": "q=" + "x" * 999}, "Filters of at most 1000 characters can be saved."),
        ({"query": "q=" + "x" * 20_000}, "Filters of at most 1000 characters can be saved."),
        ({"page": "//evil.example/"}, "This is no list of your company."),
        ({"page": "/accounts/login/"}, "This is no list of your company."),
        ({"page": "/keys/\x00/"}, "This is no list of your company."),
        ({"page": "/keys/a\r\nb/"}, "This is no list of your company."),
        ({"name": "First"}, "You have a filter called “First” on this list. Choose another name."),
        (
            {"query": "q=pm_live_" + "a" * 38},
            "Use the part of a secret that pages show: a whole one is never stored.",
        ),
        (
            {"query": "q=whsec_" + "b" * 32},
            "Use the part of a secret that pages show: a whole one is never stored.",
        ),
    ],
)
def test_invalid_saved_filter_is_refused_without_side_effects(
    world: World, login: Login, sent: dict[str, str], message: str
) -> None:
    browser = login(world.owner)
    save(browser, "First")

    assert save(browser, **{"name": "Second", **sent}) == message

    assert [one.name for one in saved_of(world)] == ["First"]


def test_removed_filter_cannot_be_restored_if_its_name_was_taken(world: World, login: Login) -> None:
    browser = login(world.owner)
    save(browser, "Same")
    [first] = saved_of(world)
    browser.post(f"/saved-filters/{first.public_id}/remove/")
    save(browser, "Same", "status=5xx")

    answer = browser.post(f"/saved-filters/{first.public_id}/restore/")

    assert "Choose another name" in str(list(get_messages(answer.wsgi_request))[-1])
    assert [(one.query, one.removed_at is None) for one in saved_of(world)] == [
        ("period=24h&status=4xx", False),
        ("status=5xx", True),
    ]


def test_saved_filters_are_limited(world: World, login: Login) -> None:
    browser = login(world.owner)
    with tenant_context(world.tenant()):
        member = Membership.objects.get(user=world.owner)
        SavedFilter.objects.bulk_create(
            SavedFilter(member=member, page="/audit/", query="period=1h", name=f"{n}")
            for n in range(MOST_SAVED)
        )

    assert save(browser, "One more").startswith(f"You have {MOST_SAVED} saved filters")

    assert len(saved_of(world)) == MOST_SAVED


def test_filter_removed_long_ago_cannot_be_restored(world: World, login: Login) -> None:
    browser = login(world.owner)
    save(browser, "Old")
    [old] = saved_of(world)
    with tenant_context(world.tenant()):
        SavedFilter.objects.update(removed_at=clock.now() - UNDO_FOR - timedelta(minutes=1))

    answer = browser.post(f"/saved-filters/{old.public_id}/restore/")

    assert answer.status_code == 302
    assert "cannot be brought back" in str(list(get_messages(answer.wsgi_request))[-1])
    assert all(one.removed_at for one in saved_of(world))


def test_removed_filters_are_kept_within_a_limit(world: World, login: Login) -> None:
    browser = login(world.owner)
    with tenant_context(world.tenant()):
        member = Membership.objects.get(user=world.owner)
        SavedFilter.objects.bulk_create(
            SavedFilter(
                member=member,
                page="/audit/",
                query="period=1h",
                name=f"{n}",
                removed_at=clock.now() - timedelta(minutes=n + 1),
            )
            for n in range(MOST_SAVED)
        )
    save(browser, "The last one")
    last = saved_of(world)[-1]

    browser.post(f"/saved-filters/{last.public_id}/remove/")

    names = {one.name for one in saved_of(world)}
    assert len(names) == MOST_SAVED
    assert "The last one" in names
    assert f"{MOST_SAVED - 1}" not in names


LISTS_WITH_FILTERS = [
    "/customers/", "/invoices/", "/charges/", "/messages/", "/messages/suppressions/", "/messages/templates/",
    "/messages/statistics/", "/webhooks/deliveries/", "/keys/", "/requests/", "/audit/",
]  # fmt: skip


@pytest.mark.parametrize("page", LISTS_WITH_FILTERS)
def test_saved_filter_shows_the_title_of_its_list(page: str, world: World, login: Login) -> None:
    browser = login(world.owner)
    heading = re.search(r"<h1>\s*([^<]+?)\s*<", browser.get(page).content.decode())
    assert heading
    save(browser, "Mine", "q=1", page)

    shown = browser.get("/saved-filters/").content.decode()

    named = re.search(rf'data-label="List"><a href="{page}">([^<]+)</a>', shown)
    assert named
    assert heading[1].lower().endswith(named[1].rpartition(": ")[2].lower())
    assert named[1] != page
