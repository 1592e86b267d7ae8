"""`/v1/audit_entries`, `/v1/request_logs` and `/v1/analytics/requests`."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from audit.ingest import rows
from audit.ingest.store import store
from core.values import ids
from tests.audit.rows import make_row
from tests.factories import World


@pytest.fixture
def client(world: World, api: Callable[..., Any], issue_key: Callable[..., Any]) -> Any:
    return api(issue_key(world.company, scopes=["audit:read", "analytics:read"]).client_secret)


def test_audit_entries_are_listed_and_filtered(world: World, client: Any) -> None:
    listed = client.get("/v1/audit_entries?action=company.created")
    assert listed.status == 200
    [entry] = listed.json["data"]
    assert entry["object"] == "audit_entry"
    assert entry["target"] == {"type": "company", "id": world.company.public_id}
    assert entry["actor"] == {"type": "system", "id": "tests", "name": "tests"}
    assert client.get("/v1/audit_entries?action=member.*").json["data"] == []
    assert client.get(f"/v1/audit_entries?target={world.company.public_id}").json["data"] == [entry]


def test_request_logs_are_listed_and_read_by_the_responses_request_id(world: World, client: Any) -> None:
    row = make_row(world.company.id, status=404)
    store([row])
    request_id = ids.encode("req", uuid.UUID(row[rows.ID]))
    [listed] = client.get("/v1/request_logs?status=404").json["data"]
    assert listed["id"] == request_id
    read = client.get(f"/v1/request_logs/{request_id}")
    assert read.status == 200
    assert read.json == listed
    assert read.json["duration_ms"] == 4.2


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/audit_entries?ip=x", "ip"),
        ("/v1/audit_entries?nonsense=1", "nonsense"),
        ("/v1/request_logs?status=9xx", "status"),
        ("/v1/request_logs?key=cus_1", "key"),
        ("/v1/request_logs?created_after=yesterday", "created_after"),
        ("/v1/analytics/requests?interval=minute", "interval"),
        ("/v1/analytics/requests?since=2020-01-01T00:00:00Z", "since"),
        ("/v1/analytics/requests?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "since"),
        ("/v1/analytics/requests?key=nope", "key"),
    ],
)
def test_malformed_parameters_are_refused_by_name(client: Any, path: str, field: str) -> None:
    answer = client.get(path)
    assert answer.status == 400
    assert [one["field"] for one in answer.json["error"]["fields"]] == [field]


def test_analytics_count_by_time_by_key_and_by_route(world: World, client: Any) -> None:
    store(
        [
            *(make_row(world.company.id, duration_us=10_000) for _ in range(99)),
            make_row(world.company.id, status=500, duration_us=900_000, route="/v1/charges", method="POST"),
        ]
    )
    by_time = client.get("/v1/analytics/requests").json
    assert len(by_time["data"]) in (24, 25)
    assert sum(step["requests"] for step in by_time["data"]) == 100
    busiest = max(by_time["data"], key=lambda step: step["requests"])
    assert busiest["server_errors"] == 1
    assert 10 / 1.2 <= busiest["latency_ms"]["p50"] <= 10 * 1.2
    quiet = next(step for step in by_time["data"] if not step["requests"])
    assert quiet["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    [key] = client.get("/v1/analytics/requests?group_by=key").json["data"]
    assert key["key"]["name"] == "ci-deploy"
    assert key["requests"] == 100
    routes = client.get("/v1/analytics/requests?group_by=route").json["data"]
    assert [(row["route"], row["requests"]) for row in routes] == [
        ("GET /v1/customers/{id}", 99),
        ("POST /v1/charges", 1),
    ]


def test_key_without_the_scope_is_refused(
    world: World, api: Callable[..., Any], issue_key: Callable[..., Any]
) -> None:
    weak = api(issue_key(world.company, scopes=["customers:read"]).client_secret)
    for path in ("/v1/audit_entries", "/v1/request_logs", "/v1/analytics/requests"):
        assert weak.get(path).code == "insufficient_scope"


def test_the_other_company_and_the_other_mode_read_nothing(
    world: World, client: Any, api: Callable[..., Any], issue_key: Callable[..., Any]
) -> None:
    row = make_row(world.company.id)
    store([row])
    request_id = ids.encode("req", uuid.UUID(row[rows.ID]))
    key = issue_key(world.company, scopes=["audit:read"])
    about_the_company = {world.company.public_id, world.owner.public_id, key.client_id}
    for company, mode in ((world.other_company, "live"), (world.company, "test")):
        other = api(issue_key(company, scopes=["audit:read", "analytics:read"], mode=mode).client_secret)
        assert other.get(f"/v1/request_logs/{request_id}").status == 404
        assert request_id not in {one["id"] for one in other.get("/v1/request_logs").json["data"]}
        # What concerns the company as a whole stands in the trails of both of its modes.
        allowed = {"company", "member"} if company == world.company else set()
        assert {
            one["action"].partition(".")[0]
            for one in other.get("/v1/audit_entries").json["data"]
            if one["target"]["id"] in about_the_company
        } <= allowed
        assert sum(step["requests"] for step in other.get("/v1/analytics/requests").json["data"]) == 0
