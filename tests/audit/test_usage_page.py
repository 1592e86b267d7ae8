"""The usage page and its roll-ups: outcomes, filters, the previous period, export."""

import csv
import io
import re
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.dashboard.usage import change_text
from audit.days import first_id
from audit.dimensions import usage_by_address, usage_by_value, usage_of
from audit.ingest import rollups
from audit.ingest.store import store
from audit.models import AuditEntry
from audit.outcomes import OUTCOMES
from core import clock
from core.tenancy import tenant_context
from core.values import ids
from tests.audit.rows import make_row
from tests.factories import World, join, make_user

pytestmark = pytest.mark.usefixtures("template_contexts")

KEY = "0191c8b0d2c57a1e8f6b3a4c5d6e7f80"
CLIENT_ID = ids.encode("key", uuid.UUID(KEY))
ANSWERS = [
    (200, "", "ok"),
    (403, "insufficient_scope", "scope"),
    (403, "ip_not_allowed", "ip"),
    (403, "origin_not_allowed", "origin"),
    (429, "rate_limited", "limit"),
    (429, "daily_cap_exceeded", "limit"),
    (400, "validation_failed", "validation"),
    (404, "not_found", "other"),
    (409, "", "other"),
    (500, "internal_error", "server_error"),
]


def row_at(world: World, moment: datetime, **values: Any) -> list[Any]:
    return make_row(world.company.id, id=f"{first_id(moment).hex[:12]}7{ids.new_id().hex[13:]}", **values)


@pytest.fixture
def browser(world: World, login: Callable[..., Client]) -> Client:
    return login(world.owner, company=world.company)


def get(browser: Client, path: str) -> tuple[Any, str]:
    response = browser.get(path)
    assert response.status_code == 200, response
    return response.context, response.content.decode()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a" * 32, "b" * 32]),
            st.sampled_from(["GET", "POST"]),
            st.sampled_from(["/v1/customers", "/v1/messages"]),
            st.sampled_from(ANSWERS),
            st.integers(0, 40),
            st.integers(0, 10**8),
        ),
        max_size=40,
    )
)
@settings(max_examples=60)
def test_every_dimension_adds_up_to_the_rows_by_hour_and_by_day(rows: list[Any]) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    batch = [
        make_row(
            uuid.UUID(int=7),
            id=f"{first_id(start + timedelta(hours=hour)).hex[:12]}7{ids.new_id().hex[13:]}",
            key=key or None, method=method, route=route, status=answer[0], refused_by=answer[1], duration_us=took,
        )
        for key, method, route, answer, hour, took in rows
    ]  # fmt: skip

    cells, usage = rollups.count(batch)

    expected = [sum(answer[2] == one.name for _, _, _, answer, _, _ in rows) for one in OUTCOMES]
    assert sum(sums[1] for sums in cells.values()) == len(rows)
    for grain in ("hour", "day"):
        for dimension in ("all", "key", "route", "status"):
            found = [sums for key, sums in usage.items() if (key[2], key[4]) == (grain, dimension)]
            assert [sum(sums[1][place] for sums in found) for place in range(len(OUTCOMES))] == expected
            assert sum(sum(sums[3]) for sums in found) == len(rows)
    by_status = Counter((hour // 24, str(answer[0])) for _, _, _, answer, hour, _ in rows)
    first_hour = int(start.timestamp()) // 3600
    assert {
        ((key[3] - first_hour) // 24, key[5]): sum(sums[1])
        for key, sums in usage.items()
        if (key[2], key[4]) == ("day", "status")
    } == by_status


def test_batches_add_up_in_the_table_and_each_dimension_can_be_read_alone(world: World) -> None:
    now = clock.now()
    for _ in range(2):
        store(
            [
                make_row(world.company.id, status=status, refused_by=code, trace=[] if code else None)
                for status, code, _ in ANSWERS
            ]
            + [
                make_row(
                    world.company.id,
                    key=None,
                    key_name="",
                    method="POST",
                    route="/v1/messages",
                    ip="2001:db8::1",
                )
            ]
        )
    since = now.replace(hour=0, minute=0, second=0, microsecond=0)
    until = since + timedelta(days=1)

    with tenant_context(world.tenant()):
        [day] = usage_of(since=since, until=until, step=timedelta(days=1))
        hours = usage_of(since=since, until=until, step=timedelta(hours=1), dimension="key", value=KEY)
        by_status = usage_by_value("status", since=since, until=until)
        by_route = usage_by_value("route", since=since, until=until)
        by_address, is_whole = usage_by_address(since=since, until=until)
    with tenant_context(world.tenant("test")):
        [nothing] = usage_of(since=since, until=until, step=timedelta(days=1))

    assert dict(zip((one.name for one in OUTCOMES), day.outcomes, strict=True)) == {
        "ok": 4, "scope": 2, "ip": 2, "origin": 2, "limit": 4, "validation": 2, "other": 4, "server_error": 2,
    }  # fmt: skip
    assert (day.requests, day.client_errors, day.server_errors, sum(day.latency)) == (22, 16, 2, 22)
    assert (len(hours), sum(hour.requests for hour in hours)) == (24, 20)
    assert {row.value: row.requests for row in by_status} == {"403": 6, "200": 4, "429": 4, "400": 2, "404": 2, "409": 2, "500": 2}  # fmt: skip
    assert [(row.value, row.requests) for row in by_route] == [
        ("GET /v1/customers/{id}", 20),
        ("POST /v1/messages", 2),
    ]
    assert [(row.value, row.requests, row.client_errors) for row in by_address] == [
        ("203.0.113.7", 20, 16),
        ("2001:db8::1", 2, 0),
    ]
    assert is_whole
    assert by_address[0].latency == by_route[0].latency
    assert nothing.requests == 0


@pytest.mark.parametrize("period", ["24h", "7d", "30d", "90d", "nonsense"])
def test_usage_chart_covers_every_period(world: World, browser: Client, period: str) -> None:
    store(
        [
            make_row(world.company.id, duration_us=8_000),
            row_at(world, clock.now() - timedelta(hours=5), status=500),
        ]
    )
    context, page = get(browser, f"/requests/usage/?period={period}")
    assert (context["total"].requests, context["total"].server_errors) == (2, 1)
    assert "chart-svg" in page
    assert "p95 response time" in page
    # Of what came before the last 90 days nothing is kept.
    has_before = period != "90d"
    assert (context["requests_chart"].before is not None, bool(context["tiles"][0]["note"])) == (
        has_before,
    ) * 2
    [key] = context["rows"]
    assert key["page"].endswith(f"&key={CLIENT_ID}")


def test_the_previous_period_is_shown_for_comparison(world: World, browser: Client) -> None:
    store(
        [
            *(make_row(world.company.id) for _ in range(3)),
            *(row_at(world, clock.now() - timedelta(days=1)) for _ in range(2)),
        ]
    )
    context, _ = get(browser, "/requests/usage/?period=24h")
    assert context["tiles"][0] == {"label": "Requests", "value": "3", "note": "+50% on 2 before"}
    assert list(context["requests_chart"].before.values) == [0] * 23 + [2]


@pytest.mark.parametrize(
    ("query", "requests"),
    [
        (f"key={CLIENT_ID}", 4),
        ("route=GET%20/v1/customers/%7Bid%7D", 3),
        ("status=403", 1),
        ("key=key_nonsense", 5),
        ("route=x", 5),
        ("status=abc", 5),
        ("by=%27", 5),
    ],
)
def test_usage_of_one_key_route_or_status_alone(
    world: World, browser: Client, query: str, requests: int
) -> None:
    store(
        [
            *(make_row(world.company.id) for _ in range(3)),
            make_row(world.company.id, method="POST", status=403, refused_by="insufficient_scope", trace=[]),
            make_row(world.company.id, key="f" * 32, route="/v1/invoices"),
        ]
    )
    context, page = get(browser, f"/requests/usage/?{query}")
    assert context["total"].requests == requests
    assert ("Show everything again" in page) is (requests < 5)
    if "key=key_0" in query:
        assert "ci-deploy" in page


@pytest.mark.parametrize("by", ["key", "route", "status", "address"])
def test_every_bar_and_line_links_to_exactly_the_requests_it_counts(
    world: World, browser: Client, by: str
) -> None:
    store(
        [
            make_row(world.company.id, status=status, refused_by=code, trace=[] if code else None)
            for status, code, _ in ANSWERS
        ]
    )
    context, page = get(browser, f"/requests/usage/?by={by}")
    chart = context["requests_chart"]
    filled = [(label, cells) for label, cells in chart.table if label.href]
    assert len(filled) == 1
    label, cells = filled[0]
    for cell in [label, *cells]:
        if cell.href:
            rows = get(browser, cell.href)[0]["page"].items
            assert len(rows) == (len(ANSWERS) if cell is label else int(cell.text))
    for row in context["rows"]:
        assert len(get(browser, row["requests"])[0]["page"].items) == row["usage"].requests
    assert page.count("View requests") == len(context["rows"])


@pytest.mark.parametrize(
    ("begin", "end", "error"),
    [
        ("", "2026-01-01", "This field is required"),
        ("soon", "2026-01-01", "Write the day as in 2026-01-31"),
        ("2001-01-01", "2001-01-02", "Usage is kept for 90 days"),
        ("{today}", "2999-01-01", "or earlier"),
        ("{today}", "{yesterday}", "or a later one"),
    ],
)
def test_invalid_range_is_reported_on_its_field(browser: Client, begin: str, end: str, error: str) -> None:
    today = clock.now().date()
    begin, end = (text.format(today=today, yesterday=today - timedelta(days=1)) for text in (begin, end))
    _, page = get(browser, f"/requests/usage/?period=custom&begin={begin}&end={end}")
    assert error in page


def test_custom_range_is_shown_and_exported(world: World, browser: Client) -> None:
    yesterday = clock.now() - timedelta(days=1)
    store([make_row(world.company.id), row_at(world, yesterday, status=429, refused_by="rate_limited")])
    query = f"period=custom&begin={yesterday:%Y-%m-%d}&end={yesterday:%Y-%m-%d}"
    context, _ = get(browser, f"/requests/usage/?{query}")
    assert (context["total"].requests, len(context["requests_chart"].labels)) == (1, 24)

    answer = browser.get(f"/requests/usage/export.csv?{query}")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert len(rows) == 24
    [told] = [row for row in rows if row["requests"] == "1"]
    assert (told["limit"], told["ok"], told["start"]) == ("1", "0", f"{yesterday:%Y-%m-%dT%H}:00:00.000000Z")
    assert re.fullmatch(r"[\d.]+", told["p95_ms"])
    with tenant_context(world.tenant()):
        assert AuditEntry.objects.get(action="audit.exported").detail["what"] == "usage"


def test_viewer_sees_usage_but_cannot_export_it(world: World, login: Callable[..., Client]) -> None:
    viewer = make_user("viewer")
    join(world.company, viewer, "viewer")
    browser = login(viewer, company=world.company)
    assert "export.csv" not in get(browser, "/requests/usage/")[1]
    assert browser.get("/requests/usage/export.csv").status_code == 403


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (3, 2, "+50% on 2 before"),
        (0, 2, "−100% on 2 before"),
        (19, 2, "+850% on 2 before"),
        (20, 2, "10 times the 2 before"),
        (201, 2, "100 times the 2 before"),
        (12_000, 1, "12,000 times the 1 before"),
        (2, 2, "2 before"),
        (5, 0, "0 before"),
    ],
)
def test_change_is_a_percentage_up_to_ten_times_and_then_a_multiple(
    now: int, before: int, expected: str
) -> None:
    assert change_text(now, before) == expected
