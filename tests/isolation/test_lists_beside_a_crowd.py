"""A list costs a company nothing for the rows of another (docs/adr/0015-newest-first-by-the-tenants-index.md).

The primary key gives every row in the order that lists have, other companies' among them: a plan that walks it reads past each
of those. The rows here are few, but PostgreSQL's estimates, and so its choice, are those of a large table.
"""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection

from core.api.pagination import CursorPagination
from core.values import ids
from tests.contracts.operations import Operation, list_operations, sample_id
from tests.isolation.crowds import multiply, plans_behind
from tests.isolation.matrix import make_unlimited_world, unlimited_client

ROWS_OF_ANOTHER = 3_000
# Partitioned by day and read some days at a time (audit.windows): what another company adds counts for as long as those.
BY_DAY = {"audit_entries", "request_logs"}
# Goes on from a row that is there.
BY_POSITION = {"events"}


def lists() -> list[Operation]:
    """Return every list of a tenant's rows."""
    return [
        operation
        for operation in list_operations()
        if operation.method == "GET"
        and not operation.parameters
        and issubclass(getattr(operation.view, "pagination_class", None) or object, CursorPagination)
        and operation.resource not in BY_DAY
    ]


def indexes_read(plan: dict[str, Any], table: str, heap: str = "") -> list[str]:
    """Return the index of each scan of `table` in `plan`; of a sequential one, what it is.

    A bitmap's index does not name its table: that is `heap`, which the scan above it reads.
    """
    relation = plan.get("Relation Name", heap)
    found = [name for inner in plan.get("Plans", []) for name in indexes_read(inner, table, relation)]
    if relation == table and (plan["Node Type"] == "Bitmap Index Scan" or "Relation Name" in plan):
        if "Index Name" in plan:
            found.append(plan["Index Name"])
        elif "Seq" in plan["Node Type"]:
            found.append(plan["Node Type"])
    return found


def begins_with_company(index: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum = 1", [index]
        )
        return cursor.fetchone() == ("company_id",)


@pytest.mark.parametrize("operation", lists(), ids=lambda operation: operation.name)
def test_lists_are_read_by_an_index_of_their_company(
    operation: Operation, request: pytest.FixtureRequest
) -> None:
    world = make_unlimited_world()
    tenant, other = world.tenant("live"), world.other_tenant("live")
    public_id = sample_id(operation, tenant)
    model = type(multiply(sample_id(operation, other), ROWS_OF_ANOTHER, tenant=other, request=request))
    client = unlimited_client(world)
    newest = public_id if operation.resource in BY_POSITION else ids.encode(model.id_prefix, ids.new_id())
    queries = [{}, {"starting_after": newest}, {"ending_before": public_id}, {"sort": "created"}]
    if "sort" not in operation.view.pagination_class.parameters:  # type: ignore[attr-defined]
        queries.pop()

    table, wrong, pages = model._meta.db_table, [], 0
    for query in queries:
        reads = rf'SELECT (?!set_config).*FROM "{table}".*ORDER BY.*'
        for plan in plans_behind(
            client, f"{operation.path()}?{urlencode(query)}", reads=reads, tenant=tenant
        ):
            pages += 1
            used = indexes_read(plan, table)
            assert used
            wrong += [f"{query}: {name}" for name in used if not begins_with_company(name)]

    assert pages >= len(queries)
    assert not wrong, "\n".join(wrong)
