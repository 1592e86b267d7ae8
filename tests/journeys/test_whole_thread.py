"""The whole thread, by hand in a browser and by an integrator's program: from sign-up to who did what."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from django.test import override_settings
from playwright.sync_api import Page, expect

from core.values import ids
from tests.journeys.test_first_day import sign_up
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import drain

Visit = Callable[..., Page]


def create_key(page: Page) -> str:
    """Create a key that may write customers; returns its secret."""
    page.goto("/keys/new/")
    page.get_by_label("Name", exact=True).fill("shop backend")
    page.get_by_label("customers:read").check()
    page.get_by_label("customers:write").check()
    page.get_by_role("button", name="Create key").click()
    secret: str = page.get_by_label("Client secret").input_value()
    return secret


def add_endpoint(page: Page, url: str) -> str:
    """Add a webhook endpoint for every event; returns its signing secret."""
    page.goto("/webhooks/create/")
    page.get_by_label("URL").fill(url)
    page.get_by_role("button", name="Add endpoint").click()
    secret: str = page.get_by_label("Signing secret").input_value()
    return secret


@override_settings(WEBHOOK_ALLOWED_NETWORKS=["127.0.0.0/8"])
def test_sign_up_key_customer_delivery_audit(visit: Visit, base_url: str) -> None:
    page = visit()
    address = sign_up(page, "Thread Works")
    with Receiver() as receiver:
        signing_secret = add_endpoint(page, f"{receiver.url}/hook")
        key_secret = create_key(page)

        def create(body: dict[str, Any]) -> httpx.Response:
            headers = {"Authorization": f"Bearer {key_secret}", "Idempotency-Key": "order-1"}
            return httpx.post(f"{base_url}/v1/customers", json=body, headers=headers)

        first = create({"name": "Ada Lovelace"})
        second = create({"name": "Ada Lovelace"})
        with ThreadPoolExecutor(1) as worker:  # Playwright's event loop runs in this thread
            worker.submit(drain).result()

        assert (first.status_code, second.status_code) == (201, 201)
        assert first.content == second.content
        assert second.headers["Idempotency-Replayed"] == "true"
        listed = httpx.get(f"{base_url}/v1/customers", headers={"Authorization": f"Bearer {key_secret}"})
        assert [row["id"] for row in listed.json()["data"]] == [first.json()["id"]]

        [delivery] = receiver.of_type("customer.created")
        payload = delivery.verify(signing_secret)
        assert payload["data"]["object"]["id"] == first.json()["id"]

    page.goto("/audit/")
    trail = page.locator("main")
    expect(trail.get_by_text("customer.created").first).to_be_visible()
    expect(trail.get_by_text("api_key.created").first).to_be_visible()
    expect(trail.get_by_text(re.compile("shop backend")).first).to_be_visible()
    expect(trail.get_by_text(re.compile(re.escape(address))).first).to_be_visible()
    assert key_secret not in page.content()
    assert signing_secret not in page.content()
    assert ids.decode("cus", first.json()["id"])
