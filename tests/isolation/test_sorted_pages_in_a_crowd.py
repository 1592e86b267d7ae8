"""A page of a sorted list costs the same wherever it is, among many rows of one's own and beside many of another company's.

The rows of one's own are copies: where the column is not unique, all of them are equal, the worst that can be.
"""

from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest

from core.tenancy import Tenant, TenantModel, tenant_context
from tests.billing.factories import make_invoice
from tests.contracts.operations import Operation, sample_id
from tests.core.api.test_sorted_lists import SORTED
from tests.isolation.crowds import multiply, plans_behind
from tests.isolation.matrix import make_unlimited_world, unlimited_client
from tests.isolation.test_lists_beside_a_crowd import begins_with_company, indexes_read

OWN_ROWS, ROWS_OF_ANOTHER = 20_000, 20_000
# A page of 20 reads 21 rows. The pages of a B-tree, and a group of equal rows in an incremental sort, end a little later.
MOST_ROWS_READ = 100


def rows_read(plan: dict[str, Any], table: str) -> int:
    """Return how many rows of `table` were read, those that were thrown away included."""
    count: int = sum(rows_read(inner, table) for inner in plan.get("Plans", []))
    if plan.get("Relation Name") == table:
        per_loop = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        count += round(plan["Actual Loops"] * per_loop)
    return count


def fill(operation: Operation, tenant: Tenant, count: int, request: pytest.FixtureRequest) -> TenantModel:
    """Make an object of the list and `count` copies, which are gone after the test; return the one in their middle."""
    if operation.resource == "invoices":
        public_id = make_invoice(tenant, due_date=date(2027, 1, 1)).public_id
    else:
        public_id = sample_id(operation, tenant)
    row = multiply(public_id, count, tenant=tenant, request=request)
    with tenant_context(tenant):
        middle: TenantModel = type(row).objects.order_by("id")[count // 2]
    return middle


@pytest.mark.parametrize("operation", SORTED, ids=lambda operation: operation.resource)
def test_any_page_of_a_sorted_list_reads_little_by_an_index_of_its_company(
    operation: Operation, request: pytest.FixtureRequest
) -> None:
    world = make_unlimited_world()
    fill(operation, world.other_tenant("live"), ROWS_OF_ANOTHER, request)
    middle = fill(operation, world.tenant("live"), OWN_ROWS, request)
    client = unlimited_client(world)
    table, wrong, plans = middle._meta.db_table, [], 0

    for column in operation.view.sort_columns:  # type: ignore[attr-defined]
        for sort in (column, f"-{column}"):
            for place in ({}, {"starting_after": middle.public_id}, {"ending_before": middle.public_id}):
                address = f"{operation.path()}?{urlencode({'sort': sort, **place})}"
                reads = rf'SELECT (?!set_config).*FROM "{table}".*ORDER BY.*LIMIT.*'
                read = 0
                for plan in plans_behind(
                    client, address, reads=reads, tenant=world.tenant("live"), analyze=True
                ):
                    plans += 1
                    read += rows_read(plan, table)
                    used = indexes_read(plan, table)
                    wrong += [f"{address}: {name}" for name in used if not begins_with_company(name)]
                if not 0 < read <= MOST_ROWS_READ:
                    wrong.append(f"{address}: {read} rows read")

    assert plans >= 6 * len(operation.view.sort_columns)  # type: ignore[attr-defined]
    assert not wrong, "\n".join(wrong)
