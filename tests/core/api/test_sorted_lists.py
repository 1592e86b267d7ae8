"""Sorted lists: order, ties and missing values, pagination in both directions, filters, and concurrent changes."""

import json
import secrets
from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.api.document import current
from core.api.scopes import SCOPES
from core.values import ids
from tests.billing.factories import make_invoice
from tests.clients import ApiClient
from tests.contracts.operations import Operation, list_operations
from tests.contracts.samples import OBJECTS
from tests.factories import World, make_customer, make_key
from tests.isolation.matrix import UNLIMITED, make_unlimited_world

SORTED = [
    operation
    for operation in list_operations()
    if operation.method == "GET"
    and not operation.parameters
    and getattr(operation.view, "sort_columns", None)
]
DAYS = [date(2027, 1, 1), date(2027, 1, 2), date(2027, 3, 1), None]


@pytest.fixture
def small() -> World:
    return make_unlimited_world()


@pytest.fixture
def client(small: World) -> ApiClient:
    return client_of(small)


def client_of(small: World) -> ApiClient:
    key = make_key(small.company, scopes=tuple(SCOPES), rate_limit=UNLIMITED)
    return ApiClient(key.client_secret, ip="198.51.100.9")


def page_of(client: ApiClient, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{path}?{urlencode(query)}")
    assert answer.status == 200, answer
    page: dict[str, Any] = answer.json
    return page


def pages_forward(client: ApiClient, path: str, limit: int, **query: Any) -> list[str]:
    """Return the ids of each page, from the first on by `starting_after`."""
    found, cursor = [], {}
    while True:
        page = page_of(client, path, limit=limit, **query, **cursor)
        found += [each["id"] for each in page["data"]]
        assert page["has_more"] is (page["next_cursor"] is not None)
        if not page["has_more"]:
            return found
        assert len(page["data"]) == limit
        cursor = {"starting_after": page["next_cursor"]}


def pages_back(client: ApiClient, path: str, limit: int, before: str, **query: Any) -> list[str]:
    """Return the ids of each page before an object, by `ending_before`, in the order of the list."""
    found: list[str] = []
    while True:
        page = page_of(client, path, limit=limit, ending_before=before, **query)
        found = [each["id"] for each in page["data"]] + found
        if not page["has_more"]:
            return found
        assert len(page["data"]) == limit
        before = page["next_cursor"]


def fields_refused(client: ApiClient, path: str, **query: Any) -> list[tuple[str, str, str]]:
    answer = client.get(f"{path}?{urlencode(query)}")
    assert (answer.status, answer.code) == (400, "validation_failed"), answer
    return [(each["field"], each["code"], each["message"]) for each in answer.json["error"]["fields"]]


# --- Exact orders -----------------------------------------------------------------------------------------------------


def test_customers_sorted_by_name_break_ties_by_newest_first(small: World, client: ApiClient) -> None:
    made = [
        make_customer(small.tenant(), name=name).public_id for name in ("Grace", "Ada", "Grace", "Edsger")
    ]
    make_customer(small.other_tenant(), name="Ada")
    make_customer(small.tenant("test"), name="Ada")
    ada, edsger, grace, grace_again = made[1], made[3], made[0], made[2]

    up = [ada, edsger, grace_again, grace]
    assert [each["id"] for each in page_of(client, "/v1/customers", sort="name")["data"]] == up
    assert [each["id"] for each in page_of(client, "/v1/customers", sort="-name")["data"]] == up[::-1]


def test_invoices_sorted_by_due_date_put_missing_dates_last(small: World, client: ApiClient) -> None:
    made = [make_invoice(small.tenant(), due_date=day).public_id for day in (*DAYS[:2], None, DAYS[0], None)]
    up = [made[3], made[0], made[1], made[4], made[2]]

    for limit in (1, 2, 3, 10):
        assert pages_forward(client, "/v1/invoices", limit, sort="due_date") == up
        assert pages_forward(client, "/v1/invoices", limit, sort="-due_date") == up[::-1]
        for place, each in enumerate(up):
            assert pages_back(client, "/v1/invoices", limit, each, sort="due_date") == up[:place]
            reverse = pages_back(client, "/v1/invoices", limit, each, sort="-due_date")
            assert reverse == up[:place:-1]


@pytest.mark.parametrize("operation", SORTED, ids=lambda operation: operation.resource)
def test_pages_of_every_sorted_list_cover_the_whole_list(
    operation: Operation, small: World, client: ApiClient
) -> None:
    made = {OBJECTS[operation.resource](small.tenant()) for _ in range(5)}
    OBJECTS[operation.resource](small.other_tenant())
    for column in operation.view.sort_columns:  # type: ignore[attr-defined]
        up = page_of(client, operation.path(), sort=column)["data"]
        assert {each["id"] for each in up} == made
        values = [each[column] or "~" for each in up]
        assert values == sorted(values)
        whole = [each["id"] for each in up]
        assert pages_forward(client, operation.path(), 2, sort=column) == whole
        assert pages_forward(client, operation.path(), 2, sort=f"-{column}") == whole[::-1]
        assert pages_back(client, operation.path(), 2, whole[-1], sort=column) == whole[:-1]
        assert pages_back(client, operation.path(), 2, whole[0], sort=f"-{column}") == whole[:0:-1]


def test_sortable_lists_and_their_fields_are_known() -> None:
    assert {each.resource: list(each.view.sort_columns) for each in SORTED} == {  # type: ignore[attr-defined]
        "customers": ["name"],
        "invoices": ["due_date"],
        "suppressions": ["address"],
        "templates": ["name"],
        "sender_domains": ["domain"],
        "sms_senders": ["sender"],
    }


# --- Whatever there is ------------------------------------------------------------------------------------------------

# Of invoices, oldest first: the day each is due, and whether it is open.
INVOICES = st.lists(st.tuples(st.sampled_from(DAYS), st.booleans()), max_size=9)


@pytest.fixture(scope="module")
def filled() -> tuple[World, ApiClient]:
    small = make_unlimited_world()
    return small, client_of(small)


@given(invoices=INVOICES, limit=st.integers(1, 4), is_down=st.booleans(), only_open=st.booleans())
@settings(max_examples=25, deadline=None)
def test_pages_of_random_invoices_equal_slices_of_the_sorted_list(
    filled: tuple[World, ApiClient],
    invoices: list[tuple[date | None, bool]],
    limit: int,
    is_down: bool,
    only_open: bool,
) -> None:
    # Given a customer with these invoices, among those of others
    small, client = filled
    customer = make_customer(small.tenant(), name=f"customer {secrets.token_hex(4)}")
    made = []
    for day, is_open in invoices:
        row = make_invoice(small.tenant(), customer=customer, due_date=day, finalize=is_open)
        made.append((row.due_date or date.max, row.public_id, is_open))
    # When they are sorted as the documentation says
    newest_first = [each for each in made[::-1] if each[2] or not only_open]
    expected = [each[1] for each in sorted(newest_first, key=lambda each: each[0])]
    if is_down:
        expected.reverse()
    # Then pages forwards make up that, and pages back from any of them make up what is before it
    query = {"customer": customer.public_id, "sort": "-due_date" if is_down else "due_date"}
    if only_open:
        query["status"] = "open"
    assert pages_forward(client, "/v1/invoices", limit, **query) == expected
    for place, each in enumerate(expected):
        assert pages_back(client, "/v1/invoices", limit, each, **query) == expected[:place]


# --- While things change ----------------------------------------------------------------------------------------------


def test_paging_from_an_invoice_outside_the_filter_misses_none(small: World, client: ApiClient) -> None:
    made = [make_invoice(small.tenant(), due_date=DAYS[0], finalize=True).public_id for _ in range(4)]
    first = page_of(client, "/v1/invoices", sort="due_date", status="open", limit=2)
    assert [each["id"] for each in first["data"]] == [made[3], made[2]]

    for each in first["data"]:
        assert client.post(f"/v1/invoices/{each['id']}/void", {}).status == 200

    cursor = first["next_cursor"]
    rest = page_of(client, "/v1/invoices", sort="due_date", status="open", starting_after=cursor)
    assert [each["id"] for each in rest["data"]] == [made[1], made[0]]


def test_customers_can_be_deleted_page_by_page(small: World, client: ApiClient) -> None:
    for name in ("a", "a", "b", "c", "c"):
        make_customer(small.tenant(), name=name)
    names, cursor = [], {}
    while True:
        page = page_of(client, "/v1/customers", sort="name", limit=2, **cursor)
        names += [each["name"] for each in page["data"]]
        for each in page["data"]:
            assert client.delete(f"/v1/customers/{each['id']}").status == 204
        if not page["has_more"]:
            break
        cursor = {"starting_after": page["next_cursor"]}
    assert names == ["a", "a", "b", "c", "c"]
    assert page_of(client, "/v1/customers")["data"] == []


@pytest.mark.parametrize("cursor", ["starting_after", "ending_before"])
def test_unknown_or_foreign_cursor_is_refused(small: World, client: ApiClient, cursor: str) -> None:
    make_customer(small.tenant(), name="Ada")
    foreign = make_customer(small.other_tenant(), name="Ada").public_id
    of_test = make_customer(small.tenant("test"), name="Ada").public_id

    refusals = [
        fields_refused(client, "/v1/customers", sort="name", **{cursor: each})
        for each in (foreign, of_test, ids.encode("cus", ids.new_id()))
    ]

    assert refusals[0] == [(cursor, "invalid", "This object is not in the list, or no longer.")]
    assert refusals[0] == refusals[1] == refusals[2]


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "asked", "allowed"),
    [
        ("customers", "phone", "-created, created, name, -name"),
        ("customers", "name,created", "-created, created, name, -name"),
        ("customers", "--name", "-created, created, name, -name"),
        ("customers", "Name", "-created, created, name, -name"),
        ("invoices", "name", "-created, created, due_date, -due_date"),
        ("suppressions", "address_normalized", "-created, created, address, -address"),
        ("charges", "amount", "-created, created"),
    ],
)
def test_unsupported_order_is_refused_with_the_available_ones(
    client: ApiClient, path: str, asked: str, allowed: str
) -> None:
    refused = fields_refused(client, f"/v1/{path}", sort=asked)
    assert refused == [("sort", "invalid_choice", f"Use one of {allowed}.")]


@pytest.mark.parametrize("path", ["events", "audit_entries", "request_logs"])
def test_list_with_one_order_has_no_order_parameter(client: ApiClient, path: str) -> None:
    assert fields_refused(client, f"/v1/{path}", sort="created") == [
        ("sort", "unknown_parameter", "Unknown query parameter.")
    ]


def test_template_versions_do_not_accept_template_orders(small: World, client: ApiClient) -> None:
    path = f"/v1/templates/{OBJECTS['templates'](small.tenant())}/versions"
    refused = fields_refused(client, path, sort="name")
    assert refused == [("sort", "invalid_choice", "Use one of -created, created.")]
    assert len(page_of(client, path, sort="created")["data"]) == 1


def test_openapi_lists_the_orders_of_every_sorted_list() -> None:
    document = json.loads(current())
    schemas, names = document["components"]["schemas"], []
    for each in SORTED:
        (found,) = (
            parameter
            for parameter in document["paths"][each.path()]["get"]["parameters"]
            if parameter.get("name") == "sort"
        )
        name = found["schema"]["$ref"].rpartition("/")[2]
        columns = list(each.view.sort_columns)  # type: ignore[attr-defined]
        values = [value for column in columns for value in (column, f"-{column}")]
        assert schemas[name]["enum"] == ["-created", "created", *values]
        assert found["schema"]["default"] == "-created"
        names.append(name)
        assert all(f"`{column}`" in found["description"] for column in columns)
    assert sorted(names) == [
        "CustomerSort",
        "InvoiceSort",
        "SenderDomainSort",
        "SmsSenderSort",
        "SuppressionSort",
        "TemplateSort",
    ]
