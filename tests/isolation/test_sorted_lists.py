"""Lists of the dashboard are sorted by their headings, both ways, page by page; and read by an index of their company."""

import re
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client

from accounts.roles import Role
from audit.ingest.store import store
from tests.audit.rows import make_row
from tests.clients import sign_in
from tests.contracts.offers import content_of
from tests.contracts.samples import OBJECTS
from tests.factories import World, join, make_key, make_user, make_world
from tests.isolation.crowds import multiply, plans_behind
from tests.isolation.matrix import make_unlimited_world
from tests.isolation.test_lists_beside_a_crowd import ROWS_OF_ANOTHER, begins_with_company, indexes_read

# The lists with pages: what they are of, and by which columns they are sorted.
PAGED = {
    "/customers/": ("customers", {"created", "name"}),
    "/invoices/": ("invoices", {"created", "due_date", "total"}),
    "/charges/": ("charges", {"created", "amount"}),
    "/messages/": ("messages", {"created"}),
    "/messages/suppressions/": ("suppressions", {"created", "address"}),
    "/messages/templates/": ("templates", {"name", "updated"}),
    "/webhooks/deliveries/": ("deliveries", {"created"}),
    "/keys/": ("", {"name", "last_used_at", "expires_at"}),
    "/requests/": ("", {"created"}),
    "/audit/": ("", {"created"}),
}
SHORT = {
    "/webhooks/": ("webhook_endpoints", {"url", "created"}),
    "/messages/senders/": ("sender_domains", {"domain", "checked"}),
    "/team/": ("", {"person", "since"}),
}
# Read by an index in both directions; templates are few, and sorted.
INDEXED = {
    page: (resource, columns)
    for page, (resource, columns) in PAGED.items()
    if resource and resource != "templates"
}
MADE = 5


def make_some(world: World, page: str, resource: str) -> None:
    for number in range(MADE):
        if resource:
            OBJECTS[resource](world.tenant())
        elif page == "/keys/":
            make_key(world.company, name=f"key {number}")
        elif page == "/requests/":
            store([make_row(world.company.id, path=f"/v1/n/{number}")])
        else:
            join(world.company, make_user(f"person {number}"), Role.VIEWER)
            make_key(world.company, name=f"key {number}")


@lru_cache
def browser_of(page: str) -> Client:
    """Return the browser of an owner with some rows on the list: one company for each list, since the tests only look."""
    world = make_world()
    make_some(world, page, {**PAGED, **SHORT}[page][0])
    return sign_in(world.owner, world.company)


@pytest.fixture(scope="module", autouse=True)
def _own_rows() -> Iterator[None]:
    """Forget the companies of this module at its end: their rows are deleted then."""
    yield
    browser_of.cache_clear()


def rows_of(answer: Any) -> list[str]:
    """Return the rows of the first table of a page, each as its text and links without what time passes over."""
    main = content_of(answer)
    body = main[main.index("<tbody") : main.index("</tbody>")]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    return [
        re.sub(r"<time.*?</time>|<details.*?</details>|value=\"[0-9A-Za-z]{30,}\"", "", row, flags=re.DOTALL)
        for row in rows
    ]


def heads_of(answer: Any) -> dict[str, tuple[str, str]]:
    """Return the headings that sort: by column, the way it goes now and the address behind it."""
    found = re.findall(r'<th scope="col"([^>]*)><a class="sort" href="([^"]+)"', content_of(answer))
    heads = {}
    for attributes, href in found:
        sort = parse_qs(urlsplit(unescape(href)).query).get("sort", ["-created"])[0]
        now = re.search(r'aria-sort="(\w+)"', attributes)
        heads[sort.removeprefix("-")] = (now[1] if now else "", unescape(href))
    return heads


def all_rows(browser: Client, page: str, sort: str) -> list[list[str]]:
    """Return the rows of each page of a list, by the links to the next one."""
    pages, address = [], f"{page}?{urlencode({'sort': sort, 'limit': 2})}"
    while address:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        pages.append(rows_of(answer))
        following = re.search(r'href="([^"]+)" rel="next"', content_of(answer))
        address = unescape(following[1]) if following else ""
        assert not address or parse_qs(urlsplit(address).query)["sort"] == [sort]
    return pages


@pytest.mark.parametrize("page", PAGED)
def test_lists_can_be_sorted_both_ways_across_pages(page: str) -> None:
    _, columns = PAGED[page]
    browser = browser_of(page)

    assert columns <= heads_of(browser.get(page)).keys()
    for column in columns:
        up = [row for rows in all_rows(browser, page, column) for row in rows]
        down = [row for rows in all_rows(browser, page, f"-{column}") for row in rows]
        assert len(up) >= MADE
        assert down == up[::-1]
        assert len(set(up)) == len(up)


@pytest.mark.parametrize("page", {**PAGED, **SHORT})
def test_the_heading_says_the_order_and_leads_to_the_other(page: str) -> None:
    _, columns = {**PAGED, **SHORT}[page]
    browser = browser_of(page)
    heads = heads_of(browser.get(page))

    for column in columns:
        first = browser.get(heads[column][1])
        now, other = heads_of(first)[column]
        second = browser.get(other)
        then, _ = heads_of(second)[column]
        assert {now, then} == {"ascending", "descending"}
        assert rows_of(first) == rows_of(second)[::-1]


# One filter of each list, whatever it finds.
FILTERED = {
    "/customers/": "search=nobody",
    "/invoices/": "status=draft",
    "/charges/": "status=failed",
    "/messages/": "channel=email",
    "/messages/suppressions/": "channel=email",
    "/messages/templates/": "channel=email",
    "/webhooks/deliveries/": "status=exhausted",
    "/keys/": "state=working",
    "/requests/": "method=GET",
    "/audit/": "period=24h",
}


@pytest.mark.parametrize("page", PAGED)
def test_every_list_has_page_sizes_a_drawer_of_filters_and_chips(page: str) -> None:
    browser = browser_of(page)
    name, _, _ = FILTERED[page].partition("=")

    listed = content_of(browser.get(f"{page}?limit=2&sort=created"))
    narrowed = content_of(browser.get(f"{page}?{FILTERED[page]}&limit=50&sort=created"))

    assert '<details class="filter-drawer"' in listed
    assert 'aria-label="50 per page"' in listed
    assert '<p class="chips"' in narrowed
    for kept in ('name="sort" value="created"', 'name="limit" value="50"'):
        assert kept in narrowed
    without = re.search(r'class="chip">.*?<a href="([^"]+)"', narrowed, re.DOTALL)
    assert without
    assert name not in parse_qs(urlsplit(unescape(without[1])).query)
    assert parse_qs(urlsplit(unescape(without[1])).query)["sort"] == ["created"]


@pytest.mark.parametrize("page", INDEXED)
def test_sorted_lists_are_read_by_an_index_of_their_company(
    page: str, request: pytest.FixtureRequest
) -> None:
    resource, columns = INDEXED[page]
    world = make_unlimited_world()
    OBJECTS[resource](world.tenant())
    other = world.other_tenant()
    others = multiply(OBJECTS[resource](other), ROWS_OF_ANOTHER, tenant=other, request=request)
    browser = sign_in(world.owner, world.company)
    client: Any = SimpleNamespace(
        get=lambda address: SimpleNamespace(status=browser.get(address).status_code)
    )
    table, wrong = others._meta.db_table, []

    for column in columns:
        for sort in (column, f"-{column}"):
            reads = rf'SELECT (?!set_config).*FROM "{table}".*ORDER BY.*LIMIT.*'
            plans = plans_behind(client, f"{page}?sort={sort}", reads=reads, tenant=world.tenant())
            assert plans
            for plan in plans:
                used = indexes_read(plan, table)
                assert used
                wrong += [f"{sort}: {name}" for name in used if not begins_with_company(name)]

    assert not wrong, "\n".join(wrong)
