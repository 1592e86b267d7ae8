"""The token bucket: compared with a model, in memory and in Valkey, and exact across processes (docs/architecture.md, Limits)."""

import contextlib
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.api.throttling import (
    STALE,
    TAKE_ONE_SOURCE,
    TAKE_SOURCE,
    LocalBuckets,
    PolicySet,
    RatePolicy,
    in_seconds,
    place_of,
    take_one,
)
from core.valkey import commands
from core.valkey.commands import Script
from tests.core.api.taking import take
from tests.forked import forked

# The production scripts with the one line changed that reads the clock.
TEST_CLOCK = "local now = tonumber(ARGV[#ARGV])"
TAKE_AT = Script(TAKE_SOURCE.replace("--CLOCK--", TEST_CLOCK))
TAKE_ONE_AT = Script(TAKE_ONE_SOURCE.replace("--CLOCK--", TEST_CLOCK))
START = 1_790_000_000_000_000


class ModelBucket:
    """The textbook bucket: a level that refills with time, in microseconds' worth of tokens."""

    def __init__(self, policy: RatePolicy, now: int) -> None:
        self.policy, self.level, self.at = policy, policy.capacity, now

    def refill(self, now: int) -> None:
        """Let time pass."""
        self.level = min(self.policy.capacity, self.level + now - self.at)
        self.at = now


def model_take(buckets: list[ModelBucket], now: int) -> bool:
    """All or nothing."""
    for bucket in buckets:
        bucket.refill(now)
    if any(bucket.level < bucket.policy.interval for bucket in buckets):
        return False
    for bucket in buckets:
        bucket.level -= bucket.policy.interval
    return True


quotas = st.lists(st.integers(1, 2000), min_size=1, max_size=3)
# Short gaps drain a bucket, long ones fill it.
gaps = st.lists(st.one_of(st.integers(0, 50_000), st.integers(0, 120_000_000)), min_size=1, max_size=150)


@given(quotas=quotas, gaps=gaps)
@settings(max_examples=80, deadline=None)
def test_valkey_and_memory_admit_exactly_what_the_model_admits(quotas: Any, gaps: Any) -> None:
    policies = PolicySet([RatePolicy(f"p{index}", quota) for index, quota in enumerate(quotas)])
    now = START
    clock = [now]
    tag = f"{{{uuid.uuid4().hex}}}"
    fences, names = [f"{tag}:a", f"{tag}:b"], [f"{tag}:{policy.name}" for policy in policies.policies]
    commands.client().mset(dict.fromkeys(fences, "1:x"))
    model = [ModelBucket(policy, now) for policy in policies.policies]
    memory = LocalBuckets(clock=lambda: clock[0])
    for gap in gaps:
        now += gap
        clock[0] = now
        expected = model_take(model, now)
        places = [place_of(name) for name in names]
        admitted, *answer = TAKE_AT.run([*fences, *names, *places], ["1:x", "1:x", *policies.arguments, now])
        used, waits = answer[: len(names)], answer[len(names) :]
        in_memory = memory.take(dict(zip(names, policies.policies, strict=True)))
        assert (admitted == 1) is expected
        assert in_memory == (expected, used, waits or [0] * len(names))
        assert used == [
            policy.capacity - bucket.level for policy, bucket in zip(policies.policies, model, strict=True)
        ]
        check_headers(policies, used, waits, model)


def check_headers(policies: PolicySet, used: list[int], waits: list[int], model: list[ModelBucket]) -> None:
    """What is announced is what the model has, and no moment is announced too early."""
    headers = policies.headers(used, waits)
    items = headers["RateLimit"].split(", ")
    for policy, bucket, item in zip(policies.policies, model, items, strict=True):
        left = bucket.level // policy.interval
        wait = int(item.rpartition("t=")[2])
        assert item.startswith(f'"{policy.name}";r={left};t=')
        later = min(policy.capacity, bucket.level + wait * 1_000_000)
        assert later // policy.interval > left or later == policy.capacity
    assert int(headers["X-RateLimit-Remaining"]) == min(b.level // b.policy.interval for b in model)
    if waits:
        after = in_seconds(max(waits)) * 1_000_000
        assert all(b.level + after >= b.policy.interval for b in model)
        # Nobody is sent away for longer than a window after the next token.
        assert all(wait < 2 * b.policy.capacity for wait, b in zip(waits, model, strict=True) if wait)
        assert [policy for policy, wait in zip(policies.policies, waits, strict=True) if wait] == (
            policies.refusing(used)
        )


@given(quota=st.integers(1, 100), gaps=gaps)
@settings(max_examples=40, deadline=None)
def test_single_bucket_admits_exactly_what_the_model_admits(quota: Any, gaps: Any) -> None:
    policy, now = RatePolicy("address", quota), START
    name, model = uuid.uuid4().hex, ModelBucket(RatePolicy("address", quota), START)
    for gap in gaps:
        now += gap
        _, looked = TAKE_ONE_AT.run([name], [policy.interval, policy.capacity, 0, now])
        model.refill(now)
        assert looked == policy.capacity - model.level
        admitted, _ = TAKE_ONE_AT.run([name], [policy.interval, policy.capacity, 1, now])
        assert (admitted == 1) is model_take([model], now)


def test_quota_of_zero_admits_nobody() -> None:
    policies = PolicySet([RatePolicy("messages", 0)])
    memory = LocalBuckets()
    for _ in range(2):
        admitted, used, waits = memory.take({"x": policies.policies[0]})
        assert (admitted, used) == (False, [0])
        assert policies.headers(used, waits)["RateLimit"] == '"messages";r=0;t=60'
        assert in_seconds(waits[0]) == 60
    assert take_one(uuid.uuid4().hex, policies.policies[0]) == (False, 0)


def test_stale_version_takes_no_tokens() -> None:
    tag = f"{{{uuid.uuid4().hex}}}"
    fences = [f"{tag}:a", f"{tag}:b"]
    policies = PolicySet([RatePolicy("key", 5)])
    commands.client().mset({fences[0]: "2:x", fences[1]: "1:x"})
    for proofs in (["1:x", "1:x"], ["2:y", "1:x"], ["2:x", "2:x"], ["", ""]):
        keys = [*fences, f"{tag}:c", place_of(f"{tag}:c")]
        assert TAKE_AT.run(keys, [*proofs, *policies.arguments, START]) == [STALE]
    assert commands.client().exists(f"{tag}:c", place_of(f"{tag}:c")) == 0


@pytest.mark.parametrize("where", ["valkey", "memory"])
class TestPlaces:
    """Who is refused is told when its own token grows: nobody is told a moment that somebody else was told before."""

    def test_refused_callers_get_retry_times_one_token_apart(self, where: Any) -> None:
        ask = Drained(where, RatePolicy("key", 60))
        waits = [ask() for _ in range(20)]
        assert waits == [seconds * 1_000_000 for seconds in range(1, 21)]

    def test_retry_slots_are_reused_when_the_window_is_full(self, where: Any) -> None:
        ask = Drained(where, RatePolicy("key", 10))
        waits = [ask() for _ in range(25)]
        assert waits == [(place % 10 + 1) * 6_000_000 for place in range(25)]

    def test_expired_retry_slot_blocks_nobody(self, where: Any) -> None:
        ask = Drained(where, RatePolicy("key", 60))
        assert [ask(), ask(), ask()] == [1_000_000, 2_000_000, 3_000_000]
        ask.now += 3_000_000
        assert [ask() for _ in range(4)] == [0, 0, 0, 1_000_000]

    def test_caller_that_missed_its_token_moves_to_the_end(self, where: Any) -> None:
        ask = Drained(where, RatePolicy("key", 60))
        assert [ask(), ask()] == [1_000_000, 2_000_000]
        ask.now += 1_000_000
        assert ask() == 0  # somebody who was never refused
        assert ask() == 2_000_000  # behind the second caller, who comes in a second


class Drained:
    """A bucket without a token, and its clock; calling it asks for one and returns the wait, 0 when it was admitted."""

    def __init__(self, where: str, policy: RatePolicy) -> None:
        self.now, self.policy, self.where = START, policy, where
        self._memory = LocalBuckets(clock=lambda: self.now)
        tag = f"{{{uuid.uuid4().hex}}}"
        self._name, self._fences = f"{tag}:key", [f"{tag}:a", f"{tag}:b"]
        commands.client().mset(dict.fromkeys(self._fences, "1:x"))
        assert [self() for _ in range(policy.quota)] == [0] * policy.quota

    def __call__(self) -> int:
        """Ask for a token."""
        if self.where == "memory":
            return self._memory.take({self._name: self.policy})[2][0]
        keys = [*self._fences, self._name, place_of(self._name)]
        admitted, _, *waits = TAKE_AT.run(
            keys, ["1:x", "1:x", self.policy.interval, self.policy.capacity, self.now]
        )
        return 0 if admitted else waits[0]


def test_buckets_expire_once_they_are_full() -> None:
    name = uuid.uuid4().hex
    take_one(name, RatePolicy("address", 20))
    assert 3000 <= commands.client().pttl(name) <= 4000


def test_the_memory_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalBuckets, "MAX_BUCKETS", 100)
    buckets = LocalBuckets()
    for index in range(1000):
        buckets.take({str(index): RatePolicy("key", 1)})
    assert len(buckets._arrival) <= 100


# Few enough for the processes to compete for the last token.
@pytest.mark.parametrize("quota", [120, 1200])
def test_eight_processes_share_one_bucket(quota: int, record_property: Callable[[str, object], None]) -> None:
    tag = uuid.uuid4().hex
    commands.client().mset({f"{{{tag}}}:a": "1:x", f"{{{tag}}}:b": "1:x"})
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(forked(take, tag, quota, 0.75)) for _ in range(8)]
        for process in processes:
            assert process.receive() == "ready"
        for process in processes:
            process.connection.send("begin")
        results = [process.receive() for process in processes]
    admitted, calls = sum(r["admitted"] for r in results), sum(r["calls"] for r in results)
    elapsed = max(r["ended"] for r in results) - min(r["began"] for r in results)
    policy = RatePolicy("key", quota)
    allowed = quota + elapsed // policy.interval
    record_property("bucket", f"{calls} calls of 8 processes, {admitted} admitted, {allowed} allowed")
    assert admitted <= allowed + 1
    if calls > allowed * 1.5:
        # They really competed for the last token; then none may be lost either. The clock is read a moment before the
        # first and after the last call, which is worth the time of a few calls.
        slack = 1 + 50_000 // policy.interval
        assert admitted >= allowed - slack
