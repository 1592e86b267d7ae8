"""Many companies over few connections, with errors, rollbacks and tasks in between: nobody sees another's rows."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import Task
from django.db import DataError, connection, connections

from billing.models import Customer
from billing.services import create_customer
from core.background.jobs import COMPANY_HEADER, MODE_HEADER, TaskWithoutTenant, tenant_headers, tenant_task
from core.tenancy import Tenant, current_tenant, tenant_context
from tests.clients import ApiClient
from tests.factories import SYSTEM, make_company, make_customer, make_key, make_user

COMPANIES = 20
REQUESTS = 1_000
CONNECTIONS = 4


@tenant_task(name="tests.count_customers")
def count_customers() -> tuple[str, list[str]]:
    """Return the tenant the task runs in and the names of the customers it sees."""
    tenant = current_tenant()
    assert tenant is not None
    return str(tenant.company_id), list(Customer.objects.values_list("name", flat=True))


def run_task(task: Task, headers: dict[str, str]) -> object:
    """Run `task` in this process as a worker would, with these message headers."""
    return task.apply(headers=headers, throw=True).get()


class Party:
    """One company with one customer that carries its name, and a key."""

    def __init__(self, number: int) -> None:
        owner = make_user(f"owner{number}")
        self.company = make_company(f"Company {number}", owner, tier="enterprise")
        self.tenant = Tenant(self.company.id, "live")
        self.mark = f"only-{self.company.id.hex}"
        make_customer(self.tenant, name=self.mark)
        key = make_key(self.company, scopes=("customers:read", "customers:write"), rate_limit=1_000)
        self.client = ApiClient(key.client_secret, ip=f"198.51.100.{number + 1}")


@pytest.fixture
def few_connections() -> Iterator[None]:
    """Let all threads share a pool of four connections."""
    options = connections["default"].settings_dict["OPTIONS"]
    before = dict(options["pool"])
    connections["default"].close()
    connections["default"].close_pool()  # type: ignore[attr-defined]
    options["pool"] = {"min_size": CONNECTIONS, "max_size": CONNECTIONS, "timeout": 30}
    yield
    connections["default"].close()
    connections["default"].close_pool()  # type: ignore[attr-defined]
    options["pool"] = before


def test_one_thousand_interleaved_requests_see_no_foreign_row(
    few_connections: None, record_property: Callable[[str, object], None]
) -> None:
    parties = [Party(number) for number in range(COMPANIES)]
    connection.close()
    backends: set[int] = set()
    wrong: list[str] = []

    def one(number: int) -> None:
        chosen = random.Random(number)
        party = chosen.choice(parties)
        kind = chosen.choice(["list", "list", "bad body", "conflict", "rollback", "task"])
        seen: list[str] = []
        if kind == "list":
            answer = party.client.get("/v1/customers")
            seen = [row["name"] for row in answer.json["data"]]
        elif kind == "bad body":
            answer = party.client.post("/v1/customers", {"name": ""})
            wrong.extend([] if answer.status == 400 else [f"{kind}: {answer}"])
        elif kind == "conflict":
            body = {"name": party.mark, "external_id": "the-same"}
            answer = party.client.post("/v1/customers", body, idempotency_key=f"k-{number}")
            wrong.extend([] if answer.status in (201, 409) else [f"{kind}: {answer}"])
        elif kind == "rollback":
            try:
                with tenant_context(party.tenant):
                    create_customer(actor=SYSTEM, name="never")
                    seen = [name for name in names() if name != "never"]
                    raise ZeroDivisionError
            except ZeroDivisionError:
                pass
        else:
            company, seen = run_task(count_customers, tenant_headers(count_customers.name, {}, party.tenant))  # type: ignore[misc]
            wrong.extend([] if company == str(party.company.id) else [f"{kind}: {company}"])
        wrong.extend(f"{kind}: {name}" for name in seen if name != party.mark)
        with tenant_context(party.tenant), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backends.add(cursor.fetchone()[0])
        connection.close()

    with ThreadPoolExecutor(CONNECTIONS * 2) as pool:
        list(pool.map(one, range(REQUESTS)))
    record_property(
        "isolation",
        f"{REQUESTS} requests of {COMPANIES} companies over {len(backends)} connections: {len(wrong)} wrong",
    )
    assert wrong == []
    assert 1 < len(backends) <= CONNECTIONS


def names() -> list[str]:
    """Return the names of every customer this transaction sees."""
    return list(Customer.objects.values_list("name", flat=True))


def test_connection_has_no_tenant_after_its_context() -> None:
    party = Party(1)
    with tenant_context(party.tenant):
        assert names() == [party.mark]
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('app.company', true), ''), current_user")
        assert cursor.fetchone() == ("", "app")


def test_task_without_a_tenant_is_refused() -> None:
    for headers in ({}, {COMPANY_HEADER: "01a1ff4a-802e-70ad-b89f-c029610a7f56"}, {MODE_HEADER: "live"}):
        with pytest.raises(TaskWithoutTenant):
            run_task(count_customers, headers)


def test_failed_statement_leaves_no_tenant_behind() -> None:
    party = Party(2)
    with pytest.raises(DataError), tenant_context(party.tenant), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM billing_customer")
        assert cursor.fetchall() == []
