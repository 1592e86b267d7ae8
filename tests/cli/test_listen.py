"""`pomelo listen` with a live server: events arrive signed and once, and none is lost when a connection breaks."""

from collections.abc import Callable
from typing import Any

import pytest
import standardwebhooks

from apikeys.services import IssuedKey
from billing.services import update_customer
from core.tenancy import tenant_context
from tests.billing.factories import make_invoice
from tests.cli.running import Running, finished
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, make_customer
from tests.live import WebProcess, free_port
from tests.webhooks.receiver import Receiver
from webhooks.relay import relay_events

READ = ["events:read", "customers:read", "invoices:read"]


@pytest.fixture
def key(world: World, issue_key: Callable[..., IssuedKey]) -> Any:
    return issue_key(world.company, READ, mode="test").client_secret


def happens(world: World, name: Any) -> Any:
    """A customer of that name is made in test mode, and the worker has given the event its position."""
    customer = make_customer(world.tenant("test"), name=name)
    relay_events()
    return customer


def listening(web: Any, receiver: Any, key: Any, *options: Any) -> Any:
    return Running(
        "listen", "--api-url", web.url, "--forward-to", f"{receiver.url}/hook", *options, secret=key
    )


def secret_of(listener: Any) -> Any:
    return listener.line("Signing secret").rpartition(" ")[2]


def names(receiver: Any) -> Any:
    return [got.json["data"]["object"]["name"] for got in receiver.received]


def test_forwarded_event_is_signed_and_matches_the_api(
    web: WebProcess, world: World, receiver: Receiver, key: Any, api: Callable[..., ApiClient]
) -> None:
    happens(world, "before")
    with listening(web, receiver, key) as listener:
        secret = secret_of(listener)
        listener.line("Ctrl-C")
        happens(world, "Ada")
        line = listener.line("customer.created")

        [got] = receiver.received
        assert got.path == "/hook"
        event = got.verify(secret)
        assert event["data"]["object"]["name"] == "Ada"
        assert event == api(key).get(f"/v1/events/{got.id}").json
        assert f"{got.id}  200  " in line
        assert line.endswith(" ms")
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            got.verify("whsec_" + "A" * 43 + "=")

        assert listener.interrupt() == 0
        assert listener.line("Stopped") == "Stopped. Forwarded: 1."
    assert not any("Traceback" in each for each in listener.seen)


def test_events_during_a_server_outage_arrive_once_and_in_order(
    web: WebProcess, world: World, receiver: Receiver, key: Any
) -> None:
    with listening(web, receiver, key) as listener:
        listener.line("Ctrl-C")
        happens(world, "first")
        listener.line("customer.created")

        web.kill()
        try:
            for number in range(3):
                happens(world, f"away {number}")
            listener.line("does not answer")
        finally:
            web.start()
        listener.line("Connected again")
        happens(world, "last")
        for _ in range(4):
            listener.line("customer.created")

    assert names(receiver) == ["first", "away 0", "away 1", "away 2", "last"]


def test_events_are_filtered_by_pattern_and_start_at_since(
    web: WebProcess, world: World, receiver: Receiver, key: Any
) -> None:
    customer = happens(world, "Ada")
    with tenant_context(world.tenant("test")):
        update_customer(customer=customer, name="Ada King", actor=SYSTEM)
    make_invoice(world.tenant("test"), customer=customer)
    relay_events()
    # The other mode and the other company are not this key's.
    make_customer(world.tenant(), name="live")
    make_customer(world.other_tenant("test"), name="another company's")
    relay_events()

    chosen = ("--since", "1h", "--events", "customer.updated,invoice.*")
    with listening(web, receiver, key, *chosen) as listener:
        listener.line("customer.updated")
        listener.line("invoice.created")
        happens(world, "not chosen")
        with tenant_context(world.tenant("test")):
            update_customer(customer=customer, name="Ada", actor=SYSTEM)
        relay_events()
        listener.line("customer.updated")

    assert [got.json["type"] for got in receiver.received] == [
        "customer.updated",
        "invoice.created",
        "customer.updated",
    ]

    receiver.received.clear()
    with listening(web, receiver, key, "--since", _first_id(web, key)) as listener:
        listener.line("customer.updated")
    assert receiver.received[0].json["type"] == "customer.updated"


def _first_id(web: Any, key: Any) -> Any:
    page = web.request("GET", "/v1/events?order=oldest_first&limit=1", secret=key).json
    return page["data"][0]["id"]


def test_refusing_receiver_is_reported_and_blocks_nothing(
    web: WebProcess, world: World, receiver: Receiver, key: Any
) -> None:
    receiver.answer = (500, {}, b"no")
    with listening(web, receiver, key) as listener:
        listener.line("Ctrl-C")
        happens(world, "refused")
        assert "  500  " in listener.line("customer.created")
        happens(world, "next")
        listener.line("customer.created")
    assert names(receiver) == ["refused", "next"]


def test_unreachable_receiver_is_reported_with_advice(web: WebProcess, world: World, key: Any) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/hook"
    with Running("listen", "--api-url", web.url, "--forward-to", nowhere, secret=key) as listener:
        listener.line("Ctrl-C")
        happens(world, "Ada")
        line = listener.line("customer.created")
    assert f"nothing listens at {nowhere}. Start your server" in line


def run(web: Any, secret: Any, *options: Any) -> Any:
    return finished(
        "listen", "--api-url", web.url, "--forward-to", "http://127.0.0.1:9/", *options, secret=secret
    )


def test_rejected_key_is_reported_with_advice(web: WebProcess, key: Any) -> None:
    mistyped = key[:-1] + ("a" if key[-1] != "a" else "b")
    done = run(web, mistyped)
    assert (done.returncode, done.stdout) == (1, "")
    assert "invalid_credentials" in done.stderr
    assert "Copy a test key (pm_test_…) from the dashboard" in done.stderr
    assert mistyped not in done.stderr


def test_live_key_is_refused_before_it_is_sent_anywhere(
    issue_key: Callable[..., IssuedKey], world: World
) -> None:
    live = issue_key(world.company, READ).client_secret
    done = finished(
        "listen", "--api-url", "http://127.0.0.1:9", "--forward-to", "http://127.0.0.1:9/", secret=live
    )
    assert done.returncode == 1
    assert "Create one on the dashboard (API keys, test mode)" in done.stderr


def test_missing_scope_and_an_invalid_pattern_are_reported_with_advice(
    web: WebProcess, world: World, issue_key: Callable[..., IssuedKey], key: Any
) -> None:
    without = issue_key(world.company, ["customers:read"], mode="test").client_secret
    assert "Give it the scope events:read" in run(web, without).stderr

    done = run(web, key, "--events", "customers.*")
    assert done.returncode == 1
    assert "'customers.*' matches no event" in done.stderr
    assert "customer.*" in done.stderr

    assert "add Z for UTC" in run(web, key, "--since", "2026-05-28T20:26:40").stderr
    unknown = "evt_01jd3v4q9mfk8v6t7y2x0c5e1r"
    assert "Start elsewhere: --since 1h" in run(web, key, "--since", unknown).stderr


def test_key_is_never_sent_in_plaintext() -> None:
    done = finished(
        "listen", "--api-url", "http://pomelo.example.com", "--forward-to", "http://127.0.0.1:9/", secret="x"
    )
    assert done.returncode == 1
    assert "would send your key unencrypted" in done.stderr


def test_help_says_what_the_key_needs() -> None:
    done = finished("listen", "--help", secret="")
    assert done.returncode == 0
    assert "events:read" in " ".join(done.stdout.split())
    assert all(option in done.stdout for option in ("--forward-to", "--events", "--since", "--api-url"))
