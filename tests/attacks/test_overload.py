"""Overload: excess requests are refused immediately, before their body is read, whatever they send.

Requests from one address block nobody else, however slow they are.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from apikeys.services import IssuedKey
from billing.models import Customer
from config.door.intake import MAX_BYTES_IN_FLIGHT
from core.tenancy import tenant_context
from tests.attacks.wire import connect, head, read_reply
from tests.factories import World, make_customer
from tests.live import web_process
from tests.threads import is_blocking_another
from tests.waiting import wait_until

AT_ONCE_SECONDS = 2.0


@pytest.fixture(scope="module")
def web() -> Iterator[Any]:
    with web_process(threads=1) as server:
        yield server


@pytest.mark.parametrize("size", [30, 900_000])
def test_requests_behind_a_hanging_one_are_refused_immediately_with_keep_alive(
    web: Any, world: World, issue_key: Callable[..., IssuedKey], size: int
) -> None:
    secret = issue_key(world.company, ["customers:read", "customers:write"]).client_secret
    customer = make_customer(world.tenant())
    path, change = f"/v1/customers/{customer.public_id}", {"name": "Ada"}
    body = json.dumps({"name": "Grace"}).ljust(size).encode()
    headers = [
        *("Host: localhost", f"Authorization: Bearer {secret}"),
        *("Content-Type: application/json", f"Content-Length: {size}"),
    ]

    with ThreadPoolExecutor(2) as pool:
        # given one that holds the only thread, and one that waits for it
        with tenant_context(world.tenant()), transaction.atomic():
            Customer.objects.select_for_update().get(id=customer.id)
            holds = pool.submit(web.request, "PATCH", path, body=change, secret=secret)
            wait_until(is_blocking_another)
            waits = pool.submit(web.request, "GET", "/v1/whoami", secret=secret)
            waited = waits.result(AT_ONCE_SECONDS)
            # when another one comes
            with connect(web.port) as peer:
                began = time.monotonic()
                peer.sendall(head("POST /v1/customers", *headers) + body)
                refused = read_reply(peer)
                seconds = time.monotonic() - began
                peer.sendall(head("GET /healthz", "Host: localhost"))
                health = read_reply(peer)
        held = holds.result(30)

    # then
    assert refused.status == 503, refused.raw
    assert b"\r\nretry-after: 1\r\n" in refused.raw.lower()
    assert b'"temporarily_unavailable"' in refused.raw
    assert seconds < AT_ONCE_SECONDS
    assert (health.status, waited.status, held.status) == (200, 503, 200)
    with tenant_context(world.tenant()):
        assert list(Customer.objects.values_list("name", flat=True)) == ["Ada"]


FLOOD_NETWORK, POLITE_ADDRESS = "2001:db8:7::", "198.51.100.7"


@pytest.fixture(scope="module")
def behind_a_proxy() -> Iterator[Any]:
    with web_process(threads=3, environment={"TRUSTED_PROXIES": "127.0.0.1"}) as server:
        yield server


def test_hanging_requests_of_one_network_do_not_block_others(
    behind_a_proxy: Any, world: World, issue_key: Callable[..., IssuedKey]
) -> None:
    web = behind_a_proxy
    secret = issue_key(world.company, ["customers:read", "customers:write"]).client_secret
    customer = make_customer(world.tenant())
    path = f"/v1/customers/{customer.public_id}"

    def flood(number: int) -> Any:
        headers = {"X-Forwarded-For": f"{FLOOD_NETWORK}{number + 1:x}"}  # addresses of one /64
        return web.request("PATCH", path, body={"name": f"Ada {number}"}, secret=secret, headers=headers)

    with ThreadPoolExecutor(8) as pool:
        # given more requests of one network than there are threads, each of which hangs
        with tenant_context(world.tenant()), transaction.atomic():
            Customer.objects.select_for_update().get(id=customer.id)
            hanging = [pool.submit(flood, number) for number in range(8)]
            wait_until(is_blocking_another)
            # when another address asks
            polite = [
                web.request(
                    "GET",
                    "/v1/whoami",
                    secret=secret,
                    headers={"X-Forwarded-For": POLITE_ADDRESS},
                    timeout=AT_ONCE_SECONDS,
                )
                for _ in range(5)
            ]
            wait_until(lambda: sum(request.done() for request in hanging) == 5)
        statuses = sorted(request.result(30).status for request in hanging)

    # then
    assert [answer.status for answer in polite] == [200] * 5
    assert statuses == [200] * 3 + [503] * 5, "three were worked on, and the others waited for half a second"


def test_slow_bodies_of_one_network_do_not_block_others(
    behind_a_proxy: Any, world: World, issue_key: Callable[..., IssuedKey]
) -> None:
    web = behind_a_proxy
    secret = issue_key(world.company, ["customers:write"]).client_secret
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    whole, rest = divmod(MAX_BYTES_IN_FLIGHT, most)

    with ExitStack() as stack:
        # given a network that announces as much as all bodies may have together, and sends none of it
        for number, announced in enumerate([*[most] * whole, rest]):
            peer = stack.enter_context(connect(web.port))
            come_from = f"X-Forwarded-For: {FLOOD_NETWORK}{number + 1:x}"
            peer.sendall(
                head("POST /v1/customers", "Host: localhost", come_from, f"Content-Length: {announced}")
            )
        time.sleep(0.5)
        # when another address sends a body
        polite = web.request(
            "POST",
            "/v1/customers",
            body={"name": "Ada"},
            secret=secret,
            headers={"X-Forwarded-For": POLITE_ADDRESS},
            timeout=AT_ONCE_SECONDS,
        )

    # then
    assert polite.status == 201
