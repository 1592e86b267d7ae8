"""The delivery loop: isolation between endpoints, and shutdown."""

import asyncio
import threading

from tests.factories import World, make_customer, make_world
from tests.waiting import wait_until
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import (
    deliveries_of,
    make_endpoint,
)
from webhooks.delivery.limits import Limits
from webhooks.delivery.pump import Pump


def test_dead_endpoint_does_not_delay_another_companys_first_attempt(
    world: World, receiver: Receiver
) -> None:
    other = make_world()
    with Receiver() as dead:
        dead.delay = 60
        make_endpoint(world.tenant(), dead.url)
        make_endpoint(other.tenant(), receiver.url)
        for _ in range(50):
            make_customer(world.tenant())
        pump = Pump(Limits(connect_timeout=3.0, total_timeout=10.0, lease=20.0))
        running = threading.Thread(target=lambda: asyncio.run(pump.run()))
        running.start()
        try:
            wait_until(lambda: len(dead.received) >= 4)
            make_customer(other.tenant())
            pump.wake()
            wait_until(lambda: receiver.received)
            sent_while_dead_hung = len(receiver.received)
        finally:
            pump.stop()
            running.join()

    assert sent_while_dead_hung == 1


def test_stopped_pump_records_its_running_attempts(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.delay = 0.5
    make_customer(world.tenant())
    pump = Pump(Limits(lease=60))
    running = threading.Thread(target=lambda: asyncio.run(pump.run()))
    running.start()
    wait_until(lambda: receiver.received)

    pump.stop()
    running.join(90)

    assert [each.status for each in deliveries_of(endpoint)] == ["succeeded"]
