"""Lists: backward pagination, filters with several values, and consistent time filters."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apikeys.services import IssuedKey
from core import clock
from core.api import document
from core.api.scopes import SCOPES
from core.clock import rfc3339
from core.values import ids
from tests.billing.factories import make_invoice, make_refund, make_settled_charge
from tests.clients import ApiClient
from tests.contracts.samples import OBJECTS
from tests.factories import World, make_customer
from tests.webhooks.steps import relay_all

DOCUMENT = json.loads(document.current())


@pytest.fixture
def client(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> Any:
    scopes = ["customers:read", "invoices:read", "events:read", "audit:read"]
    return api(issue_key(world.company, scopes).client_secret)


def names(client: Any, query: str) -> tuple[list[str], dict[str, Any]]:
    page = client.get(f"/v1/customers?{query}").json
    return [each["name"] for each in page["data"]], page


def test_ending_before_returns_the_adjacent_page_newest_first(world: World, client: Any) -> None:
    made = [make_customer(world.tenant(), name=name).public_id for name in "abcde"]
    found, page = names(client, f"limit=2&ending_before={made[1]}")
    assert (found, page["has_more"], page["next_cursor"]) == (["d", "c"], True, made[3])
    found, page = names(client, f"limit=2&ending_before={page['next_cursor']}")
    assert (found, page["has_more"], page["next_cursor"]) == (["e"], False, None)
    # Forth and back again is the same page.
    forth, _ = names(client, f"limit=2&starting_after={made[3]}")
    assert forth == ["c", "b"]


def test_oldest_first_order_is_kept_across_pages(world: World, client: Any) -> None:
    made = [make_customer(world.tenant(), name=name).public_id for name in "abcde"]
    found, page = names(client, "sort=created&limit=2")
    assert (found, page["next_cursor"]) == (["a", "b"], made[1])
    found, _ = names(client, f"sort=created&limit=2&starting_after={made[1]}")
    assert found == ["c", "d"]
    found, page = names(client, f"sort=created&limit=2&ending_before={made[3]}")
    assert (found, page["has_more"]) == (["b", "c"], True)
    assert names(client, "sort=-created&limit=2") == names(client, "limit=2")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sort=created&starting_after", ["c", "d"]),
        ("sort=created&ending_before", ["a", "b"]),
        ("starting_after", ["b", "a"]),
        ("ending_before", ["d", "c"]),
    ],
)
def test_paging_continues_from_a_deleted_object(
    world: World, client: Any, query: str, found: list[str]
) -> None:
    for name in "ab":
        make_customer(world.tenant(), name=name)
    gone = ids.encode("cus", ids.new_id())
    for name in "cd":
        make_customer(world.tenant(), name=name)

    assert names(client, f"{query}={gone}")[0] == found


def test_lines_are_included_in_lists_when_expanded(world: World, client: Any) -> None:
    invoice = make_invoice(world.tenant())
    alone = client.get(f"/v1/invoices/{invoice.public_id}").json
    (without,) = client.get("/v1/invoices").json["data"]
    (expanded,) = client.get("/v1/invoices?expand=lines").json["data"]
    assert expanded == alone
    assert without == {name: alone[name] for name in alone if name not in ("lines", "tax_breakdown")}
    assert client.get("/v1/invoices?expand=customer").code == "validation_failed"


def test_conflicting_and_invalid_cursors_are_refused(world: World, client: Any) -> None:
    one = make_customer(world.tenant()).public_id
    both = client.get(f"/v1/customers?starting_after={one}&ending_before={one}")
    assert [each["field"] for each in both.json["error"]["fields"]] == ["ending_before"]
    wrong = client.get("/v1/customers?ending_before=nonsense")
    assert [each["field"] for each in wrong.json["error"]["fields"]] == ["ending_before"]


@pytest.mark.parametrize("relayed", [True, False])
def test_events_are_read_back_in_the_order_of_the_list(world: World, client: Any, relayed: bool) -> None:
    for name in "abcd":
        make_customer(world.tenant(), name=name)
    if relayed:
        relay_all()
    page = client.get("/v1/events?type=customer.created").json["data"]
    assert [each["data"]["object"]["name"] for each in page] == list("dcba")
    back = client.get(f"/v1/events?type=customer.created&limit=2&ending_before={page[-1]['id']}").json
    assert [each["data"]["object"]["name"] for each in back["data"]] == ["c", "b"]
    assert back["has_more"] is True
    rest = client.get(f"/v1/events?type=customer.created&ending_before={back['next_cursor']}").json
    assert [each["data"]["object"]["name"] for each in rest["data"]] == ["d"]
    if relayed:
        oldest = client.get(
            f"/v1/events?type=customer.created&order=oldest_first&limit=2&ending_before={page[0]['id']}"
        ).json
        assert [each["data"]["object"]["name"] for each in oldest["data"]] == ["b", "c"]


def test_audit_entries_are_read_one_by_one_and_backwards(
    world: World, client: Any, issue_key: Callable[..., IssuedKey]
) -> None:
    for _ in range(3):
        issue_key(world.company)
    found = client.get("/v1/audit_entries?action=api_key.created").json["data"]
    one = client.get(f"/v1/audit_entries/{found[0]['id']}")
    assert (one.status, one.json) == (200, found[0])
    assert client.get("/v1/audit_entries/aud_01h455vb4pex5vsknk084sn02q").code == "not_found"
    back = client.get(f"/v1/audit_entries?action=api_key.created&limit=1&ending_before={found[2]['id']}").json
    assert [each["id"] for each in back["data"]] == [found[1]["id"]]


def test_filter_takes_several_values(world: World, client: Any) -> None:
    drafts = [make_invoice(world.tenant()).public_id for _ in range(2)]
    open_one = make_invoice(world.tenant(), finalize=True).public_id

    def found(query: str) -> set[str]:
        return {each["id"] for each in client.get(f"/v1/invoices?{query}").json["data"]}

    assert found("status=open") == {open_one}
    assert found("status=open,draft") == {open_one, *drafts}
    assert found("status=paid,void") == set()
    for query in ("status=open,lost", "status=open,", "status=,open"):
        refused = client.get(f"/v1/invoices?{query}").json["error"]["fields"]
        assert [(each["field"], each["code"]) for each in refused] == [("status", "invalid_choice")]
    types = client.get("/v1/events?type=invoice.created,invoice.finalized").json["data"]
    assert {each["type"] for each in types} == {"invoice.created", "invoice.finalized"}


def test_pagination_parameters_are_named_alike_everywhere() -> None:
    """One pair of names for a range of creation times, `object` a constant, and moments that end in `_at`."""
    for path, methods in DOCUMENT["paths"].items():
        names = {each.get("name") for each in methods.get("get", {}).get("parameters", ())}
        if "starting_after" in names:
            assert {"created_after", "created_before", "ending_before"} <= names, path
        assert not names & {"from", "to_date", "before", "after", "start", "end"}, path
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, found in schema.get("properties", {}).items():
            if field == "object" and name not in ("EventData", "ThinObject"):
                assert len(found["enum"]) == 1, name
            if found.get("format") == "date-time" and not name.endswith("Input"):
                bounds = {"created", "updated", "timestamp", "since", "until", "start"}
                assert field in bounds or field.endswith("_at"), f"{name}.{field}"


def test_lists_without_other_filters_can_be_filtered_by_time(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    client = api(issue_key(world.company, list(SCOPES)).client_secret)
    template, endpoint = (OBJECTS[name](world.tenant()) for name in ("templates", "webhook_endpoints"))
    charge = make_settled_charge(world.tenant())
    make_refund(world.tenant(), charge=charge)
    recover = f"/v1/webhook_endpoints/{endpoint}/recover"
    since = rfc3339(clock.now() - timedelta(hours=1))
    assert client.post(recover, {"since": since}).status == 202

    for path in (
        "/v1/webhook_endpoints",
        f"/v1/webhook_endpoints/{endpoint}/recoveries",
        f"/v1/charges/{charge.public_id}/refunds",
        f"/v1/templates/{template}/versions",
    ):
        (only,) = client.get(path).json["data"]
        moment = only["created"]
        assert client.get(f"{path}?created_after={moment}").json["data"] == [only]
        assert client.get(f"{path}?created_before={moment}").json["data"] == []
        assert client.get(f"{path}?created_after=2099-01-01T00:00:00Z").json["data"] == []


def test_conflicting_external_id_names_its_customer(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    client = api(issue_key(world.company, ["customers:write"]).client_secret)
    first = client.post("/v1/customers", {"name": "Ada", "external_id": "crm-1"}).json["id"]
    twice = client.post("/v1/customers", {"name": "Ada", "external_id": "crm-1"})
    other = client.post("/v1/customers", {"name": "Grace"}).json["id"]
    moved = client.patch(f"/v1/customers/{other}", {"external_id": "crm-1"})
    for refused in (twice, moved):
        assert refused.code == "external_id_taken"
        assert refused.json["error"]["existing"] == first


def test_unknown_path_is_distinguished_from_a_missing_object(client: Any) -> None:
    assert client.get("/v1/customer").code == "unknown_route"
    assert client.post("/v1/customers/", {}).code == "unknown_route"
    assert client.get("/v1/customers/cus_01h455vb4pex5vsknk084sn02q").code == "not_found"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer pm_live_é",
        "Bearer ",
        "Basic %%%",
        "Basic w6k6w6k=",
        "Digest x",
        "Bearer\tx",
        "pm_live_x",
        "Bearer \x7f",
    ],
)
def test_malformed_credential_is_invalid(api: Callable[..., ApiClient], header: str) -> None:
    answer = api().get("/v1/whoami", headers={"Authorization": header})
    assert (answer.status, answer.code) == (401, "invalid_credentials")
