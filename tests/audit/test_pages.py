"""The audit and request pages: lists, filters, details and exports."""

import csv
import io
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.events import CompanyUpdated, SignedIn
from apikeys.events import ApiKeyRevoked
from audit.export.rows import cell_of
from audit.ingest.store import store
from audit.models import AuditEntry
from billing.events import CustomerCreated
from core.events import publish
from core.principal import Principal
from core.tenancy import tenant_context
from core.values import ids
from tests.audit.rows import make_row
from tests.factories import World, join, make_key, make_user

pytestmark = pytest.mark.usefixtures("template_contexts")

REFUSED: dict[str, Any] = {
    "status": 403,
    "refused_by": "ip_not_allowed",
    "path": "/v1/invoices",
    "route": "/v1/invoices",
    "trace": [
        {"check": "credential", "detail": "", "fix": "", "passed": True},
        {
            "check": "ip",
            "detail": "203.0.113.7 is not on the list",
            "fix": "Add 203.0.113.7 to the key's networks.",
            "passed": False,
        },
    ],
}


@pytest.fixture
def browser(world: World, login: Callable[..., Client]) -> Client:
    return login(world.owner, company=world.company)


def text_of(response: Any) -> str:
    assert response.status_code == 200, response
    return b"".join(response).decode() if response.streaming else response.content.decode()


def test_audit_page_shows_who_did_what_and_links_to_the_details(world: World, browser: Client) -> None:
    with tenant_context(world.tenant()):
        publish(
            CompanyUpdated(object_id=world.company.public_id, changes={"name": ["Acme", "Acme <b>2</b>"]}),
            actor=Principal(kind="user", id=world.owner.public_id, name="Ada", ip="203.0.113.9"),
        )
        entry = AuditEntry.objects.get(action="company.updated")
    page = text_of(browser.get("/audit/"))
    assert "company.updated" in page
    assert "company.created" in page
    detail = text_of(browser.get(f"/audit/{entry.public_id}/"))
    assert "<del>Acme</del>" in detail
    assert "<ins>Acme &lt;b&gt;2&lt;/b&gt;</ins>" in detail
    assert "203.0.113.9" in detail


def links_of(page: str) -> dict[str, str]:
    """Return the address of every link of a page by its words; the first of equal ones."""
    found: dict[str, str] = {}
    for address, words in re.findall(r'<a [^>]*href="([^"]+)"[^>]*>([^<]+)</a>', page):
        found.setdefault(words.strip(), address.replace("&amp;", "&"))
    return found


def test_entry_sentence_links_to_the_objects_it_names(world: World, browser: Client) -> None:
    key = make_key(world.company, name="CI <deploy>").key
    ada = Principal(kind="user", id=world.owner.public_id, name="Ada")
    with tenant_context(world.tenant()):
        publish(ApiKeyRevoked(object_id=key.public_id), actor=ada)
        publish(
            CustomerCreated(object_id="cus_01h2xcejqtf2nbrexx3vqjhp41"),
            actor=Principal(kind="key", id=key.public_id, name="CI"),
        )
        entry = AuditEntry.objects.get(action="api_key.revoked")
    page = text_of(browser.get("/audit/"))
    links = links_of(page)
    assert links["Ada"] == f"/audit/?actor={world.owner.public_id}"
    assert links["revoked key"] == f"/audit/{entry.public_id}/"
    assert links["CI &lt;deploy&gt;"] == links["CI"] == f"/keys/{key.public_id}/"
    # What is gone is named by its identifier, and leads nowhere.
    assert '<strong class="mono">cus_01h2xcejqtf2nbrexx3vqjhp41</strong>' in page
    assert text_of(browser.get(links["Ada"])).count("revoked key") == 1
    assert "<title>Ada revoked key CI &lt;deploy&gt;" in text_of(browser.get(f"/audit/{entry.public_id}/"))


def test_repeated_entries_are_grouped_and_expandable(world: World, browser: Client) -> None:
    ada, bob = (Principal(kind="user", id=f"usr_{name}", name=name) for name in ("Ada", "Bob"))
    with tenant_context(world.tenant()):
        for actor in (ada, ada, ada, bob, ada):
            publish(SignedIn(object_id=actor.id), actor=actor)
        entries = list(AuditEntry.objects.filter(action="user.signed_in").order_by("-id"))
    response = browser.get("/audit/?action=user.*")
    sentences = response.context["sentences"]
    assert [(one.text, one.count) for one in sentences] == [
        ("Ada signed in", 1),
        ("Bob signed in", 1),
        ("Ada signed in", 3),
    ]
    page = text_of(response)
    assert page.count("3 times since") == 1
    assert all(f"/audit/{entry.public_id}/" in page for entry in entries)


def test_common_filters_are_links_and_the_active_one_is_marked(world: World, browser: Client) -> None:
    saved = {one["label"]: one for one in browser.get("/audit/?action=api_key.*").context["common"]}
    assert [label for label, one in saved.items() if one["is_chosen"]] == ["Keys"]
    for one in saved.values():
        response = browser.get(f"/audit/?{one['query']}")
        assert not response.context["form"].errors
        assert [each["label"] for each in response.context["common"] if each["is_chosen"]] == [one["label"]]


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("action=company.*", True),
        ("action=member.*", False),
        ("actor=Ada", True),
        ("actor=Bob", False),
        ("ip=203.0.113.9", True),
        ("ip=203.0.113.0/24", True),
        ("ip=198.51.100.0/24", False),
        ("q=company.up", True),
        ("q=Ada Love", True),
        ("q=nothing", False),
        ("period=1h", True),
    ],
)
def test_each_filter_of_the_audit_page_restricts_the_list(
    world: World, browser: Client, query: str, is_found: bool
) -> None:
    with tenant_context(world.tenant()):
        publish(
            CompanyUpdated(object_id=world.company.public_id),
            actor=Principal(kind="user", id=world.owner.public_id, name="Ada Lovelace", ip="203.0.113.9"),
        )
        entry = AuditEntry.objects.get(action="company.updated")
    assert (entry.public_id in text_of(browser.get(f"/audit/?{query}"))) is is_found


def test_invalid_filter_is_reported_on_its_field(browser: Client) -> None:
    assert "Use an address or a network" in text_of(browser.get("/audit/?ip=nowhere"))
    assert "Use an address or a network" in text_of(browser.get("/requests/?ip=nowhere"))
    assert "Not an identifier" in text_of(browser.get("/requests/?q=req_zzz"))
    for moment in ("0001-01-01T00:00", "9999-12-31T23:59", "soon"):
        for field in ("since", "until"):
            assert "errorlist" in text_of(browser.get(f"/requests/?{field}={moment}"))
            assert "errorlist" in text_of(browser.get(f"/audit/?{field}={moment}"))


def test_refused_request_is_explained(world: World, browser: Client) -> None:
    row = make_row(world.company.id, **REFUSED)
    store([row])
    request_id = ids.encode("req", uuid.UUID(row[0]))
    assert "ip_not_allowed" in text_of(browser.get("/requests/"))
    page = text_of(browser.get(f"/requests/{request_id}/"))
    assert "203.0.113.7 is not on the list" in page
    assert "Add 203.0.113.7 to the key&#x27;s networks." in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"/v1/customers/cus_01h", "/v1/invoices"}),
        ("status=4xx", {"/v1/invoices"}),
        ("status=403", {"/v1/invoices"}),
        ("status=404", set()),
        ("status=2xx", {"/v1/customers/cus_01h"}),
        ("route=/v1/invoices", {"/v1/invoices"}),
        ("q=/v1/cust", {"/v1/customers/cus_01h"}),
        ("q=invoices", {"/v1/invoices"}),
        ("ip=203.0.113.7", {"/v1/customers/cus_01h", "/v1/invoices"}),
        ("ip=2001:db8::/32", set()),
        ("scope=customers:read", {"/v1/customers/cus_01h"}),
        ("scope=invoices:write", set()),
        ("period=24h", {"/v1/customers/cus_01h", "/v1/invoices"}),
        ("refused_by=ip_not_allowed", {"/v1/invoices"}),
        ("refused_by=rate_limited", set()),
        ("since=2020-01-01T00:00", {"/v1/customers/cus_01h", "/v1/invoices"}),
        ("since=2020-01-01T00:00&period=1h", {"/v1/customers/cus_01h", "/v1/invoices"}),
        ("since=2900-01-01T00:00", set()),
        ("until=2900-01-01T00:00", {"/v1/customers/cus_01h", "/v1/invoices"}),
        ("until=2020-01-01T00:00", set()),
    ],
)
def test_each_filter_of_the_request_page_restricts_the_list(
    world: World, browser: Client, query: str, expected: set[str]
) -> None:
    store([make_row(world.company.id), make_row(world.company.id, **REFUSED)])
    rows = text_of(browser.get(f"/requests/export.jsonl?{query}")).splitlines()
    assert {json.loads(line)["path"] for line in rows} == expected


def test_equal_consecutive_requests_are_one_expandable_line(world: World, browser: Client) -> None:
    rows = [make_row(world.company.id, path=path) for path in ("/v1/a", "/v1/a", "/v1/b", "/v1/a")]
    store([*rows, make_row(world.company.id, **REFUSED)])
    response = browser.get("/requests/")
    assert [(one.log.path, one.count) for one in response.context["rows"]] == [
        ("/v1/invoices", 1), ("/v1/a", 1), ("/v1/b", 1), ("/v1/a", 2),
    ]  # fmt: skip
    page = text_of(response)
    assert page.count("2 times in a row") == 1
    assert all(f"/requests/{ids.encode('req', uuid.UUID(row[0]))}/" in page for row in rows)
    links = links_of(page)
    assert links["ci-deploy"] == f"/requests/?key={ids.encode('key', uuid.UUID(rows[0][3]))}"
    assert links["203.0.113.7"] == "/requests/?ip=203.0.113.7"
    assert [one.count for one in browser.get("/requests/?live=1").context["rows"]] == [1] * 5


def test_live_view_refreshes_only_its_rows(world: World, browser: Client) -> None:
    store([make_row(world.company.id)])
    assert 'hx-trigger="every 2s"' in text_of(browser.get("/requests/?live=1"))
    rows = text_of(browser.get("/requests/?live=1", headers={"HX-Request": "true"}))
    assert rows.lstrip().startswith("<tbody")
    assert "/v1/customers/cus_01h" in rows


def test_pages_follow_each_other_without_gap_or_repeat(world: World, browser: Client) -> None:
    store([make_row(world.company.id, path=f"/v1/n/{n}") for n in range(45)])
    seen: list[str] = []
    address = "/requests/"
    for _ in range(3):
        response = browser.get(address)
        page = response.context["page"]
        seen += [row.path for row in page.items]
        address = f"/requests/?starting_after={page.next_cursor}"
    assert seen == [f"/v1/n/{n}" for n in range(44, -1, -1)]


def test_repeats_across_a_page_boundary_are_grouped_in_both_directions(world: World, browser: Client) -> None:
    for path, count in [("/v1/c", 1), ("/v1/b", 30), ("/v1/a", 15)]:  # the oldest first
        store([make_row(world.company.id, path=path) for _ in range(count)])

    def told(address: str) -> tuple[list[tuple[str, int]], str | None, str | None]:
        context = browser.get(address).context
        page = context["page"]
        return [(row.log.path, row.count) for row in context["rows"]], page.previous, page.following

    # Twenty rows end amid those of /v1/b.
    rows, previous, following = told("/requests/")
    assert (rows, previous) == ([("/v1/a", 15), ("/v1/b", 30)], None)
    rows, previous, end = told(f"/requests/?starting_after={following}")
    assert (rows, end) == ([("/v1/c", 1)], None)
    # And back, where the run is cut at its other end.
    rows, before, _ = told(f"/requests/?ending_before={previous}")
    assert rows == [("/v1/b", 30)]
    assert told(f"/requests/?ending_before={before}")[:2] == ([("/v1/a", 15)], None)


def test_entries_across_a_page_boundary_are_grouped(world: World, browser: Client) -> None:
    for _ in range(24):
        list(browser.get("/audit/export.csv"))  # to its end, which makes room for the next one

    context = browser.get("/audit/?action=audit.*").context

    assert [one.count for one in context["sentences"]] == [24]
    assert context["page"].following is None


@pytest.mark.parametrize(
    "text", ["＝1+1", "＋1", "－1", "＠SUM(A1)", "﹢1", "⁺1", " =1", "\u00a0=1", "\u200b=1", "\ufeff=1", "\u3000＝1", "\n1", "-1", "@a"]
)  # fmt: skip
def test_cell_that_looks_like_a_formula_is_escaped(text: str) -> None:
    assert cell_of(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("x;=1", "x;'=1"),
        ("x\t ＝1\n@a", "x\t' ＝1\n'@a"),
        ("=1;-1", "'=1;'-1"),
        ({"name": "x;=1"}, '{"name":"x\\u003b=1"}'),
        (["x;y", "\t=1"], '["x;y","\\t=1"]'),
    ],
)
def test_cell_split_by_another_separator_starts_no_formula(value: Any, cell: str) -> None:
    """A spreadsheet takes the separator from the country it is set to, and there a comma and its quotes part nothing."""
    assert cell_of(value) == cell
    assert isinstance(value, str) or json.loads(cell) == value


@pytest.mark.parametrize(
    "text",
    ["Ada", "1+1", "a=b", "", "'=1", "{}", "（1）", "·=", "2026-01-31", "a; b; c", "X11; Linux (+http)"],
)
def test_other_cells_are_unchanged(text: str) -> None:
    assert cell_of(text) == text


def test_export_is_recorded_and_a_formula_stays_text(world: World, browser: Client) -> None:
    store([make_row(world.company.id, user_agent="=cmd|' /C calc'!A0")])
    rows = list(csv.DictReader(io.StringIO(text_of(browser.get("/requests/export.csv")))))
    assert rows[0]["user_agent"] == "'=cmd|' /C calc'!A0"
    assert rows[0]["key.name"] == "ci-deploy"
    with tenant_context(world.tenant()):
        entry = AuditEntry.objects.get(action="audit.exported")
    assert entry.detail == {"what": "requests", "format": "csv", "filters": {}}
    assert entry.actor_id == world.owner.public_id


def test_export_names_the_filters_it_applied_and_nothing_else(world: World, browser: Client) -> None:
    browser.get("/audit/export.jsonl?actor=Ada&ip=&colour=red")
    with tenant_context(world.tenant()):
        entry = AuditEntry.objects.get(action="audit.exported")
    assert entry.detail["filters"] == {"actor": "Ada"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ip=nowhere", "Use an address or a network, such as 203.0.113.0/24."),
        ("period=yesterday", "Select a valid choice. yesterday is not one of the available choices."),
        ("since=soon", "Write the time as in 2026-01-31T12:00,"),
    ],
)
@pytest.mark.parametrize("stream", ["audit", "requests"])
def test_export_with_an_invalid_filter_is_refused_and_not_recorded(
    world: World, browser: Client, stream: str, query: str, expected: str
) -> None:
    answer = browser.get(f"/{stream}/export.csv?{query}")
    assert answer.status_code == 400
    text = answer.content.decode()
    assert expected in text
    assert "Nothing was changed. Go back and correct it." in text
    with tenant_context(world.tenant()):
        assert not AuditEntry.objects.filter(action="audit.exported").exists()


@pytest.mark.parametrize("stream", ["audit", "requests"])
def test_export_in_an_unknown_format_is_not_found_whatever_its_filters(
    world: World, browser: Client, stream: str
) -> None:
    assert browser.get(f"/{stream}/export.xml?since=never").status_code == 404
    with tenant_context(world.tenant()):
        assert not AuditEntry.objects.filter(action="audit.exported").exists()


def test_export_spans_many_chunks(world: World, browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.export.rows.CHUNK", 10)
    store([make_row(world.company.id, path=f"/v1/n/{n}") for n in range(25)])
    rows = text_of(browser.get("/requests/export.jsonl")).splitlines()
    assert [json.loads(line)["path"] for line in rows] == [f"/v1/n/{n}" for n in range(24, -1, -1)]


def test_viewer_may_read_but_not_export(world: World, login: Callable[..., Client]) -> None:
    viewer = make_user("viewer")
    join(world.company, viewer, "viewer")
    browser = login(viewer, company=world.company)
    assert browser.get("/audit/").status_code == 200
    for address in ("/audit/export.csv", "/requests/export.jsonl"):
        assert browser.get(address).status_code == 403
    with tenant_context(world.tenant()):
        assert not AuditEntry.objects.filter(action="audit.exported").exists()


def test_non_member_sees_neither_rows_nor_details(world: World, login: Callable[..., Client]) -> None:
    row = make_row(world.company.id)
    store([row])
    with tenant_context(world.tenant()):
        entry = AuditEntry.objects.latest("id")
    browser = login(world.outsider, company=world.other_company)
    assert "/v1/customers/cus_01h" not in text_of(browser.get("/requests/"))
    assert browser.get(f"/requests/{ids.encode('req', uuid.UUID(row[0]))}/").status_code == 404
    assert browser.get(f"/audit/{entry.public_id}/").status_code == 404
