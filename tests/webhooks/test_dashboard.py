"""Webhook pages: permissions, contents, and secrets shown once or after a recent login."""

import html
import re
from pathlib import Path
from typing import Any

import pytest

from accounts.roles import Role
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.clients import sign_in
from tests.factories import World, join, make_customer, make_user
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import deliveries_of, drain, fresh, make_endpoint
from webhooks.catalogue import CATALOGUE
from webhooks.models import Endpoint
from webhooks.retry import CLOCK
from webhooks.selectors import current_secret


def endpoints_of(tenant: Any) -> Any:
    with tenant_context(tenant):
        return list(Endpoint.objects.filter(deleted_at=None).order_by("id"))


def fields(address: Any, **changed: Any) -> Any:
    return {
        "url": address,
        "description": "Orders",
        "events": ["customer.*"],
        "headers": "X-Tenant: acme",
        **changed,
    }


def test_endpoint_created_on_the_dashboard_gets_verifiable_events(world: World, receiver: Receiver) -> None:
    browser = sign_in(world.teammate)

    made = browser.post("/webhooks/create/", fields(f"{receiver.url}/hook"))
    secret = re.search(r'value="(whsec_[^"]+)"', html.unescape(made.content.decode()))[1]
    make_customer(world.tenant())
    drain()

    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    [got] = receiver.received
    assert got.verify(secret)["type"] == "customer.created"
    assert got.headers["x-tenant"] == "acme"


def test_signing_secret_is_on_no_other_page(world: World, receiver: Receiver) -> None:
    endpoint, secret = make_endpoint(world.tenant(), receiver.url)
    browser = sign_in(world.owner)

    for path in ("/webhooks/", f"/webhooks/{endpoint.public_id}/", f"/webhooks/{endpoint.public_id}/edit/"):
        page = browser.get(path)
        assert page.status_code == 200
        assert secret not in html.unescape(page.content.decode())


def test_revealing_the_secret_requires_a_recent_login_and_is_audited(
    world: World, receiver: Receiver
) -> None:
    endpoint, secret = make_endpoint(world.tenant(), receiver.url)
    path = f"/webhooks/{endpoint.public_id}/secret/"
    stale = sign_in(world.owner)
    session = stale.session
    session["account_authentication_methods"][0]["at"] -= 4000
    session.save()

    refused = stale.post(path)
    shown = sign_in(world.owner).post(path)

    assert refused.status_code == 302
    assert "reauthenticate" in refused.headers["Location"]
    assert secret in html.unescape(shown.content.decode())
    assert shown.headers["Cache-Control"] == "no-store"


def test_rotating_shows_the_new_secret_and_keeps_the_old_one_for_the_overlap(
    world: World, receiver: Receiver
) -> None:
    endpoint, old = make_endpoint(world.tenant(), receiver.url)

    page = sign_in(world.owner).post(f"/webhooks/{endpoint.public_id}/rotate/", {"overlap": "24h"})
    make_customer(world.tenant())
    drain()

    with tenant_context(world.tenant()):
        new = current_secret(endpoint)
    assert page.status_code == 200
    [got] = receiver.received
    got.verify(old)
    got.verify(new)
    assert old != new


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"url": "https://10.0.0.1/"}, "not on the public internet"),
        ({"url": "https://user:pw@example.com/"}, "Credentials in a URL"),
        ({"url": "ftp://example.com/"}, "starts with https"),
        ({"url": ""}, "required"),
        ({"events": []}, "required"),
        ({"events": ["nothing.happened"]}, "not one of the available choices"),
        ({"headers": "no colon"}, "Name: value"),
        ({"headers": "webhook-id: x"}, "set by Pomelo"),
        ({"headers": "Host: internal"}, "set by Pomelo"),
    ],
)
def test_invalid_input_is_explained_on_the_form_and_creates_nothing(
    world: World, changed: dict[str, Any], message: str
) -> None:
    page = sign_in(world.owner).post("/webhooks/create/", fields("https://example.com/h", **changed))

    assert page.status_code == 422
    assert message in page.content.decode().replace("&#x27;", "'")
    assert endpoints_of(world.tenant()) == []


def test_tier_limit_is_enforced(world: World) -> None:
    for number in range(5):
        make_endpoint(world.tenant(), f"https://example.com/{number}")

    page = sign_in(world.owner).post("/webhooks/create/", fields("https://example.com/6"))

    assert page.status_code == 422
    assert "can have 5 webhook endpoints" in page.content.decode()
    assert len(endpoints_of(world.tenant())) == 5


def test_viewer_has_read_only_access(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    viewer = make_user("viewer")
    join(world.company, viewer, Role.VIEWER)
    browser = sign_in(viewer)

    assert browser.get("/webhooks/").status_code == 200
    assert browser.get(f"/webhooks/{endpoint.public_id}/").status_code == 200
    for path in (
        "create/",
        *(
            f"{endpoint.public_id}/{x}/"
            for x in ["edit", "switch", "test", "delete", "secret", "rotate", "recover"]
        ),
    ):
        assert browser.post(f"/webhooks/{path}", {}).status_code == 403
    assert fresh(endpoint).enabled
    assert deliveries_of(endpoint) == []


def test_endpoint_of_another_company_is_not_found(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    drain()
    [delivery] = deliveries_of(endpoint)
    browser = sign_in(world.outsider)

    assert browser.get(f"/webhooks/{endpoint.public_id}/").status_code == 404
    assert browser.get(f"/webhooks/deliveries/{delivery.public_id}/").status_code == 404
    for action in ["edit", "switch", "test", "delete", "secret", "rotate", "recover"]:
        assert browser.post(f"/webhooks/{endpoint.public_id}/{action}/", {}).status_code == 404
    assert browser.post("/webhooks/deliveries/resend/", {"delivery": delivery.public_id}).status_code == 404
    drain()
    assert len(receiver.received) == 1
    assert fresh(endpoint).deleted_at is None


def test_delivery_pages_show_requests_and_responses(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url, headers={"X-Token": "hunter2"})
    receiver.answer = (500, {"X-Why": "<script>alert(1)</script>"}, b"<b>broken</b> \x00\xff")
    customer = make_customer(world.tenant())
    drain()
    [delivery] = deliveries_of(endpoint)
    browser = sign_in(world.owner)

    page = browser.get(f"/webhooks/deliveries/{delivery.public_id}/").content.decode()
    listed = browser.get("/webhooks/deliveries/?status=retrying").content.decode()
    none = browser.get("/webhooks/deliveries/?status=succeeded").content.decode()

    assert customer.public_id in page
    assert "&lt;b&gt;broken&lt;/b&gt;" in page
    assert "<script>alert" not in page
    assert "hunter2" not in page
    assert delivery.public_id in listed
    assert delivery.public_id not in none


def test_resend_test_and_toggle_buttons_work(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    browser = sign_in(world.teammate)

    tested = browser.post(f"/webhooks/{endpoint.public_id}/test/")
    drain()
    [delivery] = deliveries_of(endpoint)
    browser.post("/webhooks/deliveries/resend/", {"delivery": delivery.public_id})
    drain()
    browser.post(f"/webhooks/{endpoint.public_id}/switch/", {"enabled": "false"})

    assert tested.status_code == 302
    assert [got.json["type"] for got in receiver.received] == ["webhook_endpoint.test"] * 2
    assert fresh(endpoint).disabled_reason == "manual"
    assert browser.get(f"/webhooks/{endpoint.public_id}/").status_code == 200


def test_delivery_page_polls_until_the_response_arrives(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    browser = sign_in(world.teammate)
    asking = {"HX-Request": "true"}

    page = browser.post(f"/webhooks/{endpoint.public_id}/test/").headers["Location"]
    assert 'hx-trigger="every 2s"' in browser.get(page).content.decode()
    assert "HX-Refresh" not in browser.get(page, headers=asking).headers
    drain()

    assert browser.get(page, headers=asking).headers["HX-Refresh"] == "true"
    assert "hx-trigger" not in browser.get(page).content.decode().partition('id="delivery"')[2]


def test_deleting_an_endpoint_asks_for_confirmation(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    browser = sign_in(world.owner)

    asked = browser.get(f"/webhooks/{endpoint.public_id}/delete/")
    assert asked.status_code == 200
    assert fresh(endpoint).deleted_at is None
    browser.post(f"/webhooks/{endpoint.public_id}/delete/")

    assert fresh(endpoint).deleted_at is not None
    assert browser.get(f"/webhooks/{endpoint.public_id}/").status_code == 404
    make_customer(world.tenant())
    drain()
    assert receiver.received == []


def test_broader_event_selection_drops_the_events_it_covers(world: World, receiver: Receiver) -> None:
    browser = sign_in(world.owner)
    chosen = ["customer.*", "customer.created", "invoice.paid"]

    browser.post("/webhooks/create/", fields(f"{receiver.url}/a", events=chosen))
    browser.post("/webhooks/create/", fields(f"{receiver.url}/b", events=["*", *chosen]))

    assert [each.events for each in endpoints_of(world.tenant())] == [["customer.*", "invoice.paid"], ["*"]]
    page = browser.get(f"/webhooks/{endpoints_of(world.tenant())[0].public_id}/edit/").content.decode()
    ticked = set(re.findall(r'name="events" value="([^"]+)"[^>]* checked', page))
    assert ticked == {"customer.*", "invoice.paid"}


@pytest.mark.parametrize("kind", [*CATALOGUE])
def test_every_event_has_an_example_payload(world: World, kind: Any) -> None:
    browser = sign_in(world.teammate)

    part = browser.get("/webhooks/events/", {"event": kind}, headers={"HX-Request": "true"})
    shown = html.unescape(re.sub(r"<[^>]+>", "", part.content.decode()))

    assert "<html" not in part.content.decode()
    assert f'"type": "{kind}"' in shown
    assert '"object": {' in shown


def test_event_page_accepts_any_query(world: World) -> None:
    browser = sign_in(world.owner)

    for asked in ("", "nothing.such", "webhook_endpoint.test", "\u0661" * 400):
        page = browser.get("/webhooks/events/", {"event": asked})
        assert page.status_code == 200
        assert "customer.created" in page.content.decode()


def test_example_of_any_event_is_sent_in_test_mode_and_none_in_live(world: World, receiver: Receiver) -> None:
    tenant = world.tenant("test")
    endpoint, secret = make_endpoint(tenant, receiver.url, events=["customer.*"])
    live, _ = make_endpoint(world.tenant(), receiver.url)
    browser = sign_in(world.owner)

    refused = browser.post(f"/webhooks/{live.public_id}/test/", {"event": "invoice.paid"}, follow=True)
    assert "Send example events in test mode" in refused.content.decode()
    browser.post("/mode/", {"mode": "test"})
    browser.post(f"/webhooks/{endpoint.public_id}/test/", {"event": "nothing.such"})
    assert browser.post(f"/webhooks/{endpoint.public_id}/test/", {"event": "invoice.paid"}).status_code == 302
    drain()

    [got] = receiver.received
    sent = got.verify(secret)
    assert (sent["type"], sent["mode"]) == ("invoice.paid", "test")
    assert (sent["data"]["object"]["object"], sent["data"]["object"]["mode"]) == ("invoice", "test")
    with tenant_context(tenant):
        assert not OutboxEvent.objects.filter(type="invoice.paid", public=True).exists()
    assert deliveries_of(live) == []


def test_the_form_says_where_this_installation_sends(world: World, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.WEBHOOK_LOOPBACK, settings.WEBHOOK_ALLOWED_NETWORKS = False, []

    def told() -> str:
        page = sign_in(world.teammate).get("/webhooks/create/").content.decode()
        found = re.search(r'id="id_url_helptext">([^<]*)<', page)
        assert found
        return html.unescape(found[1]).partition(" This installation ")[2]

    assert told() == ""
    settings.WEBHOOK_LOOPBACK = True
    assert told() == "also sends to its own machine (localhost), on any port."
    # A request through a proxy has closed the machine itself.
    (tmp_path / "reached-through-a-proxy").touch()
    settings.WEBHOOK_ALLOWED_NETWORKS = ["10.0.0.0/8"]
    assert told() == "also sends to the networks that its operator allows, on any port."


def test_pages_say_how_long_deliveries_are_retried(world: World, receiver: Receiver) -> None:
    browser, words = sign_in(world.owner), f"retried for {CLOCK.duration_in_words}"
    assert words in browser.get("/webhooks/").content.decode()

    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (500, {}, b"")
    make_customer(world.tenant())
    drain()

    assert words in browser.get(f"/webhooks/{endpoint.public_id}/").content.decode()
    assert words in browser.get("/").content.decode()
