"""Statistics: exact at any time, unchanged by folding, and read from hourly rows only."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys.services import IssuedKey
from core import clock
from core.tenancy import tenant_context
from messaging.models import Message, MessageStat
from messaging.services import cancel_message, fold_statistics
from tests.clients import ApiClient
from tests.factories import SYSTEM, World
from tests.messaging.conftest import deliver


@pytest.fixture
def reader(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> ApiClient:
    return api(issue_key(world.company, scopes=["read_analytics"], mode="test").client_secret)


@pytest.fixture
def history(world: World, queue: Callable[..., Message]) -> None:
    """A history in which test mode's magic addresses give each outcome once."""
    tenant = world.tenant("test")
    queue(
        tenant,
        *(
            f"{name}@test.pomelo.dev"
            for name in ("delivered", "bounced", "complained", "suppressed", "failed")
        ),
        tags=["news", "autumn"],
    )
    queue(tenant, "+15005550006", channel="sms", subject="", text="T", tags=["news"])
    canceled = queue(tenant, "ada@example.com", send_at=clock.now() + dt.timedelta(hours=3))
    deliver()
    with tenant_context(tenant):
        cancel_message(message=canceled, actor=SYSTEM)


def test_counts_rates_and_latencies_by_channel_tag_and_hour(history: None, reader: ApiClient) -> None:
    answer = reader.get("/v1/analytics/messages?interval=hour")

    assert answer.status == 200, answer
    body = answer.json
    assert body["totals"] == {
        "queued": 7,
        "sent": 4,
        "delivered": 3,
        "bounced": 1,
        "complained": 1,
        "failed": 1,
        "suppressed": 1,
        "canceled": 1,
    }
    assert body["rates"] == {"delivery": 0.75, "bounce": 0.2, "complaint": 0.25}
    assert {c["channel"]: c["totals"]["delivered"] for c in body["channels"]} == {"email": 2, "sms": 1}
    assert [(t["tag"], t["totals"]["queued"]) for t in body["tags"]] == [("news", 6), ("autumn", 5)]
    assert 169 <= len(body["data"]) <= 170
    assert sum(slot["totals"]["queued"] for slot in body["data"]) == 7
    assert body["latency_ms"]["sent"]["p50"] >= 1
    assert body["latency_ms"]["delivered"]["p99"] >= body["latency_ms"]["delivered"]["p50"]


def test_numbers_do_not_change_by_folding(
    world: World, history: None, reader: ApiClient, queue: Callable[..., Message]
) -> None:
    url = f"/v1/analytics/messages?until={(clock.now() + dt.timedelta(hours=1)):%Y-%m-%dT%H:00:00Z}"
    before = reader.get(url).json
    fold_statistics()
    assert reader.get(url).json == before
    with tenant_context(world.tenant("test")):
        assert not MessageStat.objects.filter(folded=False).exists()
        rows = MessageStat.objects.count()

    queue(world.tenant("test"), "ada@example.com", "bob@example.com")
    assert reader.get(url).json["totals"]["queued"] == before["totals"]["queued"] + 2
    fold_statistics()
    after = reader.get(url).json
    assert after["totals"]["queued"] == before["totals"]["queued"] + 2
    with tenant_context(world.tenant("test")):
        assert MessageStat.objects.count() <= rows + 1


def test_numbers_are_filtered_by_channel_tag_and_period(history: None, reader: ApiClient) -> None:
    by_tag = reader.get("/v1/analytics/messages?tag=autumn").json
    by_channel = reader.get("/v1/analytics/messages?channel=sms").json
    long_ago = reader.get("/v1/analytics/messages?since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z").json

    assert (by_tag["totals"]["queued"], by_channel["totals"]["queued"]) == (5, 1)
    assert sum(long_ago["totals"].values()) == 0
    assert len(long_ago["data"]) == 31
    assert long_ago["rates"] == {"delivery": None, "bounce": None, "complaint": None}


def test_other_companies_and_live_mode_see_none_of_it(
    world: World, history: None, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    for company, mode in ((world.other_company, "test"), (world.company, "live")):
        client = api(issue_key(company, scopes=["analytics:read"], mode=mode).client_secret)
        assert sum(client.get("/v1/analytics/messages").json["totals"].values()) == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("interval=minute", "interval"),
        ("since=yesterday", "since"),
        ("since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z", "since"),
        ("since=2026-01-01T00:00:00Z&until=2026-03-01T00:00:00Z&interval=hour", "since"),
        ("since=2020-01-01T00:00:00Z&until=2026-03-01T00:00:00Z", "since"),
        ("until=9999-12-31T23:59:59Z", "until"),
        ("since=0001-01-01T00:00:00Z", "since"),
        ("until=0001-01-01T00:00:00Z", "until"),
        ("channel=pigeon", "channel"),
        ("nonsense=1", "nonsense"),
    ],
)
def test_invalid_analytics_queries_are_refused_by_field(reader: ApiClient, query: str, field: str) -> None:
    answer = reader.get(f"/v1/analytics/messages?{query}")

    assert (answer.status, answer.code) == (400, "validation_failed"), answer
    assert [e["field"] for e in answer.json["error"]["fields"]] == [field]


def test_analytics_never_scan_messages(world: World, history: None) -> None:
    from messaging.selectors.analytics import read_analytics

    now = clock.now()
    with tenant_context(world.tenant("test")), CaptureQueriesContext(connection) as queries:
        read_analytics(start=now - dt.timedelta(days=7), end=now, interval="day")

    tables = {word for q in queries for word in q["sql"].split('"') if word.startswith("messaging_")}
    assert tables == {"messaging_messagestat"}
