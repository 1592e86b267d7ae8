"""Every documented filter finds a rare row among tens of thousands by an index, as the role `app`, under row-level security.

Under policies only leakproof operators can use an index (docs/architecture.md, Tenancy), so a filter that looks indexed may still read the
whole table. This asks the planner, for every filter of every list, and counts the rows it had to throw away.
"""

from typing import Any
from urllib.parse import urlencode

import django_filters
import pytest

from core.api.filters import ChoicesFilter, StrictBooleanFilter, WholeNumberFilter
from core.resources import REFERENCES
from core.tenancy import Tenant, TenantModel
from core.values import ids
from tests.contracts.by_app import collect
from tests.contracts.operations import Operation, list_operations, sample_id
from tests.isolation.crowds import multiply, plans_behind
from tests.isolation.matrix import make_unlimited_world, unlimited_client

ROWS = 20_000
# A page of 20 reads 21 rows; anything in this order is an index at work, a scan throws away all of them.
MOST_ROWS_THROWN_AWAY = 1_000
# By list and filter, what to ask for where not just any text will do; each app's samples say theirs.
RARE_QUERIES: dict[str, dict[str, str]] = collect("samples", "RARE_QUERIES")


def filtered_lists() -> list[Operation]:
    """Return every list that has filters."""
    return [
        operation
        for operation in list_operations()
        if operation.method == "GET"
        and not operation.parameters
        and getattr(operation.view, "filterset_class", None)
    ]


def rare_values(operation: Operation, row: TenantModel) -> list[tuple[str, dict[str, str]]]:
    """Return (filter, query) pairs that match few rows or none."""
    found = []
    for name, filter_ in operation.view.filterset_class.base_filters.items():  # type: ignore[attr-defined]
        if isinstance(filter_, (django_filters.ChoiceFilter, ChoicesFilter)):
            if name in ("order", "sort", "expand"):
                continue
            usual = str(getattr(row, name, None))
            values = [str(value) for value, _ in filter_.extra["choices"] if str(value) != usual][:1]
        elif isinstance(filter_, (django_filters.IsoDateTimeFilter, django_filters.DateTimeFilter)):
            values = ["2099-01-01T00:00:00Z" if "after" in name else "2001-01-01T00:00:00Z"]
        elif isinstance(filter_, django_filters.DateFilter):
            values = ["2099-01-01" if "after" in name else "2001-01-01"]
        elif isinstance(
            filter_,
            (
                django_filters.BooleanFilter,
                django_filters.NumberFilter,
                StrictBooleanFilter,
                WholeNumberFilter,
            ),
        ):
            values = []
        elif name in REFERENCES:
            values = [ids.encode(REFERENCES[name], ids.new_id())]
        else:
            values = ["nothing-like-this"]
        special = RARE_QUERIES.get(f"{operation.resource}?{name}")
        found += [(name, special or {name: value}) for value in values]
    return found


def thrown_away(plan: dict[str, Any], table: str) -> tuple[int, list[str]]:
    """Return how many rows the plan read and threw away, and its sequential scans of `table`."""
    loops = plan.get("Actual Loops", 1)
    count = loops * (plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0))
    scans = (
        [plan["Node Type"]] if "Seq Scan" in plan["Node Type"] and plan.get("Relation Name") == table else []
    )
    for inner in plan.get("Plans", []):
        more, deeper = thrown_away(inner, table)
        count, scans = count + more, scans + deeper
    return count, scans


@pytest.mark.parametrize("operation", filtered_lists(), ids=lambda operation: operation.name)
def test_filters_find_a_rare_row_by_an_index(operation: Operation, request: pytest.FixtureRequest) -> None:
    world = make_unlimited_world()
    tenant: Tenant = world.tenant("live")
    row = multiply(sample_id(operation, tenant), ROWS, tenant=tenant, request=request)
    client = unlimited_client(world)
    table = row._meta.db_table
    slow = []
    for name, query in rare_values(operation, row):
        reads = rf'SELECT (?!set_config).*FROM "{table}".*'
        address = f"{operation.path()}?{urlencode(query)}"
        for plan in plans_behind(client, address, reads=reads, tenant=tenant, analyze=True):
            count, scans = thrown_away(plan, table)
            if count > MOST_ROWS_THROWN_AWAY or scans:
                slow.append(f"{name}={query[name]}: {count} rows thrown away {scans}")
    assert not slow, "\n".join(slow)
