"""Concurrent duplicates with a real server: one execution, and all others get its outcome."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from apikeys.services import IssuedKey
from billing.models import Customer
from core.models import IdempotencyRecord, OutboxEvent
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import World, make_world
from tests.live import WebProcess

TWINS = 100


def test_hundred_concurrent_duplicates_execute_once(
    web: WebProcess, issue_key: Callable[..., IssuedKey]
) -> None:
    world = make_world(tier="enterprise")
    secret = issue_key(world.company, ["customers:write"], rate_limit=1000).client_secret
    start = Barrier(TWINS)

    def send(_number: Any) -> Any:
        start.wait()
        return web.request(
            "POST",
            "/v1/customers",
            body={"name": "Ada Lovelace", "external_id": "ada-1"},
            secret=secret,
            headers={"Idempotency-Key": "order-1"},
        )

    with ThreadPoolExecutor(TWINS) as pool:
        answers = list(pool.map(send, range(TWINS)))

    counts = Counter(answer.status for answer in answers)
    # A machine that is too busy for the crowd turns some of it away before anything is looked at.
    assert set(counts) <= {201, 409, 503}
    created = [answer for answer in answers if answer.status == 201]
    executed = [answer for answer in created if "idempotency-replayed" not in answer.headers]
    assert len(executed) == 1
    assert {answer.content for answer in created} == {executed[0].content}
    for answer in answers:
        if answer.status == 409:
            assert answer.code == "idempotency_in_flight"
            assert int(answer.headers["retry-after"]) >= 1
    with tenant_context(world.tenant()):
        assert Customer.objects.count() == 1
        assert OutboxEvent.objects.filter(type="customer.created").count() == 1
        assert IdempotencyRecord.objects.count() == 1


def test_concurrent_duplicate_gets_409_with_retry_after(
    api: Callable[..., ApiClient], issue_key: Callable[..., IssuedKey], world: World
) -> None:
    # given a transaction elsewhere that holds the key's lock, as a twin in the middle of its work does
    from django.db import connections

    from core.api.idempotency import lock_number

    client = api(issue_key(world.company, ["customers:write"]).client_secret)
    with tenant_context(world.tenant()):
        number = lock_number("order-1")
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])

        # when its twin arrives
        refused = client.post("/v1/customers", {"name": "Ada"}, idempotency_key="order-1")

        # then it is refused at once, and admitted when the first has ended without a trace
        assert (refused.status, refused.code) == (409, "idempotency_in_flight")
        assert refused.headers["Retry-After"] == "1"
        other.rollback()
    finally:
        other.close()
    assert client.post("/v1/customers", {"name": "Ada"}, idempotency_key="order-1").status == 201
