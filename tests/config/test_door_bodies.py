"""The memory for request bodies being read, and how it is shared (config.door.bodies)."""

from contextlib import ExitStack

import pytest

from config.door.bodies import BodyMemory, NoMemory


def take_all(stack: ExitStack, memory: BodyMemory, address: str, size: int = 1) -> int:
    """Reserve `size` bytes again and again; return how many bytes there were."""
    taken = 0
    while True:
        try:
            stack.enter_context(memory.reserve(address, size))
        except NoMemory:
            return taken
        taken += size


def test_address_may_take_half_of_the_free_body_memory() -> None:
    memory = BodyMemory(120)
    with ExitStack() as stack:
        assert take_all(stack, memory, "192.0.2.1") == 60
        assert take_all(stack, memory, "192.0.2.2") == 30
        assert take_all(stack, memory, "192.0.2.3") == 15
        assert take_all(stack, memory, "192.0.2.1") == 0

    with ExitStack() as stack:
        assert take_all(stack, memory, "192.0.2.2", 60) == 60, "everything was given back"


def test_two_greedy_addresses_get_a_third_each() -> None:
    memory = BodyMemory(120)
    with ExitStack() as stack:
        taken = [0, 0]
        for _ in range(60):
            for number in range(2):
                try:
                    stack.enter_context(memory.reserve(f"192.0.2.{number}", 1))
                except NoMemory:
                    continue
                taken[number] += 1
        assert taken == [40, 40]


def test_refused_or_truncated_body_releases_its_memory() -> None:
    memory = BodyMemory(100)
    with pytest.raises(NoMemory), memory.reserve("192.0.2.1", 51):
        pass
    with pytest.raises(ConnectionResetError), memory.reserve("192.0.2.1", 50):
        raise ConnectionResetError

    with memory.reserve("192.0.2.1", 50):
        pass
    assert memory._reserved == {}


def test_concurrent_empty_bodies_reserve_no_memory() -> None:
    memory = BodyMemory(1)
    with memory.reserve("192.0.2.1", 0), memory.reserve("192.0.2.1", 0):
        pass
    assert memory._reserved == {}
