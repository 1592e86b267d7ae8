"""Every webhook page with something on it: by axe, at two widths, in both themes."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from playwright.sync_api import Page

from core import clock
from core.tenancy import tenant_context
from tests.factories import SYSTEM, World, make_customer
from tests.journeys.accessibility import faults_of_shape, open_in_every_shape
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import deliveries_of, drain, make_endpoint
from webhooks.models import LATENCY, EndpointHour
from webhooks.services.endpoints import update_endpoint
from webhooks.services.recoveries import start_recovery

Visit = Callable[..., Page]
LONG = "x" * 120


def drain_in_a_thread() -> None:
    """Playwright keeps an event loop in the thread of the test."""

    def run() -> None:
        drain()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def fill(world: World) -> list[str]:
    """Give the company endpoints, deliveries of every kind, statistics and a recovery job; return every address."""
    tenant = world.tenant()
    with Receiver() as receiver:
        url = f"{receiver.url}/{LONG}"
        endpoint, _ = make_endpoint(
            tenant,
            url,
            events=["customer.*", "invoice.paid"],
            description="Where the shop listens " * 4,
            headers={"X-Team": "shop"},
        )
        off, _ = make_endpoint(tenant, f"{receiver.url}/old")
        answers = [
            (200, {}, b"thank you"),
            (500, {"x-trace": LONG}, b"<h1>" + LONG.encode() + b"</h1>"),
            (400, {"webhook-delivery": "abort"}, b""),
        ]
        for answer in answers:
            receiver.answer = answer
            make_customer(tenant, name="Ada " + LONG[:40])
            drain_in_a_thread()
    with tenant_context(tenant):
        update_endpoint(endpoint=off, actor=SYSTEM, enabled=False)
        now = clock.now().replace(minute=0, second=0, microsecond=0)
        EndpointHour.objects.bulk_create(
            EndpointHour(
                endpoint=endpoint,
                hour=now - timedelta(hours=hours),
                succeeded=40 + hours % 7,
                failed=hours % 5,
                latency=[10 + hours % 3, *[3] * len(LATENCY.bounds)],
            )
            for hours in range(2, 150, 3)
        )
        start_recovery(endpoint=endpoint, actor=SYSTEM, kind="recover", since=clock.now() - timedelta(days=1))
    base = f"/webhooks/{endpoint.public_id}/"
    return [
        "/webhooks/",
        "/webhooks/create/",
        "/webhooks/deliveries/",
        "/webhooks/deliveries/?status=retrying",
        base,
        f"/webhooks/{off.public_id}/",
        *(f"{base}{page}/" for page in ("edit", "delete", "secret", "rotate")),
        *(f"/webhooks/deliveries/{each.public_id}/" for each in deliveries_of(endpoint)),
    ]


def test_every_webhook_page(
    world: World, visit: Visit, sign_in_as: Callable[..., None], settings: Any
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    page = visit()
    sign_in_as(page, world.owner)
    problems = {}
    for path in fill(world):
        for answer, width, theme in open_in_every_shape(page, path):
            found = faults_of_shape(page, theme)
            if answer.status != 200:
                found.append(f"answered {answer.status}")
            if found:
                problems[f"{path} at {width}, {theme}"] = found

    assert problems == {}
