"""The request log and the audit trail in a browser: what happens while one looks, why a call was refused, and how it looks.

The last test takes pictures into the folder that SCREENSHOTS names, if it names one.
"""

import os
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from allauth.mfa.models import Authenticator
from playwright.sync_api import Page, expect

from accounts.models import User
from apikeys.services import IssuedKey
from audit.days import first_id
from audit.ingest import buffer
from audit.ingest.store import store
from audit.ingest.writer import Writer
from audit.partitions.tables import ensure_partitions
from core import clock
from core.values import ids
from tests.audit.rows import make_row
from tests.clients import sign_in
from tests.factories import World, make_customer, make_key, make_user
from tests.journeys.accessibility import faults_of_shape, open_in_every_shape
from tests.waiting import wait_until

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]
PICTURES = os.environ.get("SCREENSHOTS")


def call(base_url: str, key: IssuedKey, path: str) -> httpx.Response:
    """Call the API and see the call through into the log, as the worker of `make run` does every second."""
    answer = httpx.get(f"{base_url}{path}", headers={"Authorization": f"Bearer {key.client_secret}"})
    wait_until(lambda: buffer.BUFFER.flush() and Writer("journey").drain(seconds=30))
    return answer


def test_new_requests_appear_while_the_page_is_open(
    world: World, visit: Visit, sign_in_as: SignIn, base_url: str
) -> None:
    key = make_key(world.company, name="shop backend")
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/requests/")
    page.get_by_role("link", name="Live view").click()
    expect(page.get_by_text("Nothing yet")).to_be_visible()
    page.evaluate("window.isTheSamePage = true")

    first = call(base_url, key, "/v1/customers")
    expect(page.get_by_text(first.headers["X-Request-Id"])).to_be_visible()
    second = call(base_url, key, "/v1/whoami")
    expect(page.get_by_text(second.headers["X-Request-Id"])).to_be_visible()

    rows = page.locator("#request-rows tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("GET /v1/whoami")
    assert page.evaluate("window.isTheSamePage") is True
    page.get_by_role("link", name="Stop live view").click()
    expect(page.locator("#request-rows")).not_to_have_attribute("hx-trigger", "every 2s")


def test_without_scripts_a_request_appears_on_reload(
    world: World, visit: Visit, sign_in_as: SignIn, base_url: str
) -> None:
    key = make_key(world.company)
    page = visit(scripts=False)
    sign_in_as(page, world.owner)
    page.goto("/requests/")
    page.get_by_role("link", name="Live view").click()
    expect(page.get_by_text("Without JavaScript, reload the page")).to_be_visible()

    answer = call(base_url, key, "/v1/customers")
    page.reload()

    expect(page.get_by_text(answer.headers["X-Request-Id"])).to_be_visible()


def test_refused_request_is_found_by_its_id_and_says_how_to_fix_it(
    world: World, visit: Visit, sign_in_as: SignIn, base_url: str
) -> None:
    key = make_key(world.company, allowed_networks=["198.51.100.0/24"])
    answer = call(base_url, key, "/v1/customers")
    assert answer.status_code == 403
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/requests/")
    page.get_by_label("Search").fill(answer.json()["request_id"])
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="GET /v1/customers").click()

    steps = page.locator(".trace li")
    expect(steps.filter(has_text="passed").first).to_be_visible()
    refused = steps.filter(has_text="refused")
    expect(refused).to_contain_text("127.0.0.1")
    expect(refused).to_contain_text("How to fix it")


# --- pictures ---------------------------------------------------------------------------------------------------------

ROUTES = (
    ("GET", "/v1/customers"),
    ("GET", "/v1/customers/{id}"),
    ("POST", "/v1/invoices"),
    ("POST", "/v1/messages"),
)


def fill(world: World, days: int) -> None:
    """Make a log of some days that looks like one: busier by day, a bad hour, two keys."""
    now, chance = clock.now(), random.Random(9)
    ensure_partitions([now.date() - timedelta(days=offset) for offset in range(days + 1)])
    keys = [(make_key(world.company, name=name).key.id, name) for name in ("shop backend", "nightly export")]
    rows = []
    for hour in range(days * 24):
        moment = now - timedelta(hours=hour)
        is_bad = hour in (5, 6)
        for _ in range(chance.randrange(3, 9) + (20 if 8 <= moment.hour < 18 else 0)):
            at = moment - timedelta(seconds=chance.randrange(1, 3600))
            method, route = chance.choice(ROUTES)
            status = chance.choices([200, 404, 403, 500], [90, 5, 4, 30 if is_bad else 1])[0]
            key, name = chance.choice(keys)
            rows.append(
                make_row(
                    world.company.id,
                    id=first_id(at).hex[:12] + "7" + ids.new_id().hex[13:],
                    key=key.hex,
                    key_name=name,
                    method=method,
                    route=route,
                    path=route.replace("{id}", "cus_01h455vb4pex5vsknk084sn02q"),
                    status=status,
                    refused_by={403: "insufficient_scope", 404: "not_found", 500: "internal_error"}.get(
                        status, ""
                    ),
                    duration_us=int(chance.lognormvariate(9.2, 0.7) * (6 if is_bad else 1)),
                    ip=f"203.0.113.{chance.randrange(1, 40)}",
                )
            )
    store(rows)


def test_the_pages_fit_and_are_photographed(
    world: World, visit: Visit, sign_in_as: SignIn, base_url: str
) -> None:
    fill(world, days=7)
    refused = call(base_url, make_key(world.company, allowed_networks=["198.51.100.0/24"]), "/v1/customers")
    key = make_key(world.company, scopes=["customers:write"])
    httpx.post(
        f"{base_url}/v1/customers",
        json={"name": "Ada Lovelace"},
        headers={"Authorization": f"Bearer {key.client_secret}"},
    )
    make_customer(world.tenant())
    staff = make_user("staff", is_staff=True, is_superuser=True)
    page = visit()
    sign_in_as(page, world.owner)
    pages: dict[str, Any] = {
        "requests": "/requests/",
        "refused-request": f"/requests/{refused.headers['X-Request-Id']}/",
        "usage-24h": "/requests/usage/?period=24h",
        "usage-7d": "/requests/usage/?period=7d",
        "audit": "/audit/",
    }
    problems: dict[str, list[str]] = {}
    for name, path in pages.items():
        for _, width, theme in open_in_every_shape(page, path):
            _photograph(page, f"{name}-{width}-{theme}")
            problems[f"{name}-{width}-{theme}"] = faults_of_shape(page, theme)
    assert {name: found for name, found in problems.items() if found} == {}

    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    session = sign_in(staff).cookies["sessionid"].value
    page.context.clear_cookies()
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": base_url}])
    for name, path in {"staff-audit": "auditentry", "staff-requests": "requestlog"}.items():
        for _, width, theme in open_in_every_shape(page, f"/staff/audit/{path}/"):
            expect(page.get_by_role("searchbox").or_(page.locator("#searchbar")).first).to_be_visible()
            _photograph(page, f"{name}-{width}-{theme}")


def _photograph(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
