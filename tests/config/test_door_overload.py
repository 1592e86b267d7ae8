"""Overload in a simulated process of four threads: waiting times, and who is refused."""

import random
from collections.abc import Callable, Iterator

import pytest

from tests.config.door_simulation import CPU_SECONDS, WAIT_SECONDS, Simulation, percentile
from tests.drills.open_loop import moments

FLOOD, POLITE, OTHER = "203.0.113.66", "198.51.100.1", "2001:db8:7::/64"
# Of the simulated process: its processor is busy all the time.
CAPACITY = 1 / CPU_SECONDS


def around(mean: float, seed: int) -> Callable[[str], float]:
    """Return times that differ as those of real requests do: a tenth are more than one and a half times the mean."""
    source = random.Random(seed)
    return lambda address: source.gammavariate(4, mean / 4)


@pytest.fixture
def web() -> Simulation:
    """A process that has had a quiet minute."""
    process = Simulation(cpu=around(CPU_SECONDS, 1), wait=around(WAIT_SECONDS, 2))
    process.come(moments(CAPACITY / 3, 5))
    process.run(6)
    process.forget()
    return process


def from_now(web: Simulation, share: float, seconds: float, seed: int = 3) -> Iterator[float]:
    """Yield moments of requests that are `share` of what the process can do."""
    began = web.now
    return (began + moment for moment in moments(CAPACITY * share, seconds, seed=seed))


def test_at_three_times_capacity_p99_at_most_doubles_and_refusals_are_immediate(
    web: Simulation,
) -> None:
    web.come(from_now(web, 0.7, 20))
    web.run(web.now + 21)
    normal = web.callers[POLITE]
    assert normal.refused == []
    web.forget()

    web.come(from_now(web, 3.0, 20))
    web.run(web.now + 20)

    loaded = web.callers[POLITE]
    assert percentile(loaded.served, 0.99) <= 2 * percentile(normal.served, 0.99)
    assert len(loaded.served) >= 0.65 * CAPACITY * 20  # while refusals take a twentieth of the processor
    assert percentile(loaded.refused, 0.5) <= 0.001
    assert percentile(loaded.refused, 0.99) <= 2 * (CPU_SECONDS + WAIT_SECONDS)


@pytest.mark.parametrize("writers", [8, 12, 16])
def test_slightly_more_writers_than_threads_are_all_served(web: Simulation, writers: int) -> None:
    web.come_again(writers, begin=web.now)
    web.run(web.now + 20)

    assert web.callers[POLITE].refused == []


def test_load_at_capacity_is_served(web: Simulation) -> None:
    web.come(from_now(web, 0.8, 30))
    web.run(web.now + 31)

    assert web.callers[POLITE].refused == []


def test_retrying_writers_do_not_prolong_an_overload(web: Simulation) -> None:
    began = web.now
    web.come_again(12, begin=began, retry=0.05)
    web.come(from_now(web, 3.0, 5))
    web.run(began + 5)
    assert web.callers[POLITE].refused != []
    web.run(began + 5 + 31)
    web.forget()

    web.run(began + 60)

    assert web.callers[POLITE].refused == []


@pytest.mark.parametrize(("cpu", "wait"), [(CPU_SECONDS, 10.0), (5.0, 0.0)])
def test_single_slow_request_changes_nothing(web: Simulation, cpu: float, wait: float) -> None:
    usual = web.cpu, web.wait
    before = web.slots._overload._at_once()
    web.cpu, web.wait = (lambda address: cpu), (lambda address: wait)
    web.come([web.now])
    web.run(web.now + 0.0001)
    web.cpu, web.wait = usual
    web.run(web.now + 11)
    web.forget()

    web.come([web.now] * 20)
    web.run(web.now + 1)

    assert web.slots._overload._at_once() == before
    assert web.callers[POLITE].refused == []
    assert len(web.callers[POLITE].served) == 20


def test_io_bound_jobs_get_every_thread_during_an_overload(web: Simulation) -> None:  # fmt: skip
    web.wait = lambda address: 0.2
    addresses = [f"192.0.2.{number}" for number in range(10)]
    for number, address in enumerate(addresses):
        web.come(from_now(web, 0.025, 20, seed=number), address)
    web.run(web.now + 3)
    web.forget()

    web.run(web.now + 15)

    assert web.most_running == 4
    served = sum(len(web.callers[address].served) for address in addresses)
    assert served >= 0.9 * 15 * 4 / (0.2 + CPU_SECONDS)


def test_flood_from_one_address_leaves_a_thread_to_others(web: Simulation) -> None:
    began = web.now
    web.come(from_now(web, 6.0, 20), FLOOD)
    web.come((began + number / 10 for number in range(200)), POLITE)
    web.run(began + 21)

    polite, flood = web.callers[POLITE], web.callers[FLOOD]
    assert polite.refused == []
    assert percentile(polite.served, 0.99) <= 10 * (CPU_SECONDS + WAIT_SECONDS)
    assert (
        len(flood.refused) > len(flood.served) > 0.7 * CAPACITY * 20
    )  # what nobody else wants is the flood's


def test_single_job_process_refuses_a_flood_but_not_other_addresses() -> None:
    web = Simulation(wait=lambda address: 0.0)  # what needs the processor alone is not faster side by side
    web.come((number * 0.05 for number in range(200)), OTHER)
    web.run(11)
    web.come((11 + number / 300 for number in range(300 * 20)), FLOOD)
    web.come((12 + number / 5 for number in range(90)), POLITE)
    web.run(32)

    assert web.callers[POLITE].refused == []
    assert len(web.callers[FLOOD].refused) > 300


def test_flood_of_slow_requests_takes_all_threads_but_one(web: Simulation) -> None:
    usual = web.wait
    web.wait = lambda address: 60.0 if address == FLOOD else usual(address)
    web.come(from_now(web, 0.5, 20), FLOOD)
    web.come(from_now(web, 0.04, 20, seed=4), POLITE)
    web.run(web.now + 20.5)

    assert web.running[FLOOD] == 3
    assert web.callers[POLITE].refused == []
    assert percentile(web.callers[POLITE].served, 0.99) <= 5 * (CPU_SECONDS + WAIT_SECONDS)


def test_during_a_flood_other_addresses_are_nearly_always_served(web: Simulation) -> None:
    web.come(from_now(web, 3.0, 20), FLOOD)
    for seed, address in enumerate([POLITE, OTHER], 4):
        web.come(from_now(web, 0.04, 20, seed=seed), address)
    web.run(web.now + 21)

    for address in (POLITE, OTHER):
        assert len(web.callers[address].served) >= 0.95 * (
            len(web.callers[address].served) + len(web.callers[address].refused)
        )


def test_during_a_flood_another_address_gets_the_second_of_two_threads() -> None:
    web = Simulation(2)
    web.come(moments(CAPACITY * 3, 20), FLOOD)
    web.come(moments(5, 20, seed=4), POLITE)
    web.run(21)

    assert len(web.callers[POLITE].refused) <= 0.05 * len(web.callers[POLITE].served)


def test_address_records_are_bounded_by_waiting_and_running_requests(web: Simulation) -> None:  # fmt: skip
    began = web.now
    for number, moment in enumerate(from_now(web, 3.0, 10)):
        web.come([moment], f"address {number}")
    most = 0
    for step in range(100):
        web.run(began + step / 10)
        assert len(web.slots._at_work) <= 4
        most = max(most, len(list(web.slots._queue.addresses())))
    web.run(began + 20)

    assert 0 < most <= 200
    assert (web.slots._at_work, list(web.slots._queue.addresses())) == ({}, [])


def test_resumed_process_refuses_stale_requests_and_serves_new_ones(web: Simulation) -> None:
    web.come([web.now] * 12)
    web.run(web.now + 0.005)
    web.now += 30.0  # as after SIGSTOP and SIGCONT, or in a paused virtual machine
    web.run(web.now + 0.3)
    web.forget()

    web.come([web.now] * 4)
    web.run(web.now + 1)

    assert (len(web.callers[POLITE].served), web.callers[POLITE].refused) == (4, [])
