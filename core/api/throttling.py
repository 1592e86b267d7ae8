"""Token buckets: atomic in Valkey on the server's clock, or in this process when Valkey is away (DESIGN §6).

A bucket is one number, the *theoretical arrival time* (microseconds): how far into the future the calls admitted so
far reach when each takes `interval`. A bucket of `quota` tokens that refills within `window` admits a call while that
time is less than `window - interval` ahead. This is the token bucket exactly, with one integer to store and nothing to
refill. Several buckets are all or nothing: a call that one refuses takes from none.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from core.valkey import Argument, PreparedCall, Script

MICROSECONDS = 1_000_000
STALE = -1

# KEYS: key fence, company fence, buckets…   ARGV: proof, proof, then per bucket interval and capacity (microseconds).
# Answers {-1} when a fence is not what the caller's copy says; else {1|0, used…}: `used` microseconds of each capacity.
SERVER_CLOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""
TAKE_SOURCE = """
local count = #KEYS
local values = redis.call('MGET', unpack(KEYS))
if values[1] ~= ARGV[1] or values[2] ~= ARGV[2] then return {-1} end
--CLOCK--
local answer = {1}
for i = 3, count do
  local used = (tonumber(values[i]) or now) - now
  if used < 0 then used = 0 end
  if used + ARGV[i * 2 - 3] > tonumber(ARGV[i * 2 - 2]) then answer[1] = 0 end
  answer[i - 1] = used
end
if answer[1] == 1 then
  for i = 3, count do
    local used = answer[i - 1] + ARGV[i * 2 - 3]
    answer[i - 1] = used
    redis.call('SET', KEYS[i], string.format('%.0f', now + used), 'PX', math.ceil(used / 1000) + 1000)
  end
end
return answer
"""
TAKE = Script(TAKE_SOURCE.replace("--CLOCK--", SERVER_CLOCK))

# The same for one bucket without fences. ARGV: interval, capacity, tokens to take (0 = only look).
TAKE_ONE_SOURCE = """
--CLOCK--
local used = (tonumber(redis.call('GET', KEYS[1])) or now) - now
if used < 0 then used = 0 end
local after = used + ARGV[1] * ARGV[3]
if after > tonumber(ARGV[2]) then return {0, used} end
if after > used then
  redis.call('SET', KEYS[1], string.format('%.0f', now + after), 'PX', math.ceil(after / 1000) + 1000)
end
return {1, after}
"""
TAKE_ONE = Script(TAKE_ONE_SOURCE.replace("--CLOCK--", SERVER_CLOCK))


@dataclass(frozen=True, slots=True)
class Policy:
    """`quota` requests per `window` seconds under a name that appears in the headers."""

    name: str
    quota: int
    window: int = 60

    @property
    def interval(self) -> int:
        """Microseconds one token takes to grow, rounded up, so that no client gets more than its quota.

        A quota of 0 has no tokens: its capacity is 0, and a refused client comes back after a window.
        """
        return -(-self.window * MICROSECONDS // (self.quota or 1))

    @property
    def capacity(self) -> int:
        """Microseconds a full bucket is worth: exactly `quota` intervals."""
        return self.interval * self.quota

    @property
    def header(self) -> str:
        """This policy as an item of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers)."""
        return f'"{self.name}";q={self.quota};w={self.window}'

    def refuses(self, used: int) -> bool:
        """Tell whether there is no token for one more call."""
        return used + self.interval > self.capacity

    def retry_after(self, used: int) -> int:
        """Seconds, rounded up and at least 1, until a refused call would be admitted."""
        return max(1, ceil((used + self.interval - self.capacity) / MICROSECONDS))


class PolicySet:
    """Policies that are taken together, with everything about them that never changes worked out once."""

    __slots__ = ("_numbers", "arguments", "policies", "policy_header")

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.policies = tuple(policies)
        self.policy_header = ", ".join(policy.header for policy in self.policies)
        self.arguments: list[Argument] = []
        for policy in self.policies:
            self.arguments += [policy.interval, policy.capacity]
        self._numbers = tuple(
            (f'"{policy.name}";r=', policy.quota, policy.interval, policy.capacity)
            for policy in self.policies
        )

    def headers(self, used: Sequence[int]) -> dict[str, str]:
        """The rate limit headers for buckets of which `used` microseconds are taken (same order as the policies).

        `X-RateLimit-*` speak of the strictest policy: the one with the fewest tokens left. All times are
        delta-seconds.
        """
        items = []
        strictest = None
        for (name, quota, interval, capacity), taken in zip(self._numbers, used, strict=True):
            left = (capacity - taken) // interval
            # Rounded up: the moment is never announced too early.
            wait = -((capacity - taken - (left + 1) * interval) // MICROSECONDS) if taken > 0 else 0
            items.append(f"{name}{left};t={wait}")
            if strictest is None or (left, quota) < strictest[:2]:
                strictest = (left, quota, wait)
        if strictest is None:
            return {}
        return {
            "RateLimit-Policy": self.policy_header,
            "RateLimit": ", ".join(items),
            "X-RateLimit-Limit": str(strictest[1]),
            "X-RateLimit-Remaining": str(strictest[0]),
            "X-RateLimit-Reset": str(strictest[2]),
        }

    def refusing(self, used: Sequence[int]) -> list[Policy]:
        """The policies that have no token for one more call."""
        pairs = zip(self.policies, used, strict=True)
        return [policy for policy, taken in pairs if policy.refuses(taken)]

    def retry_after(self, used: Sequence[int]) -> int:
        """Seconds until every policy would admit a call."""
        return max(policy.retry_after(taken) for policy, taken in zip(self.policies, used, strict=True))


def prepare_take(
    fences: Sequence[str], proofs: Sequence[bytes], buckets: Sequence[str], policies: PolicySet
) -> PreparedCall:
    """The one call of the hot path: prove both fences, take a token from every bucket."""
    return TAKE.prepare([*fences, *buckets], [*proofs, *policies.arguments])


def take_one(bucket: str, policy: Policy, *, tokens: int = 1) -> tuple[bool, int]:
    """Take from one bucket without fences (0 tokens: only look). Returns (admitted, used). Raises ValkeyUnavailable."""
    admitted, used = TAKE_ONE.run([bucket], [policy.interval, policy.capacity, tokens])
    return admitted == 1, used


def _monotonic_microseconds() -> int:
    return time.monotonic_ns() // 1000


class LocalBuckets:
    """The same buckets in this process's memory, for the time Valkey is away."""

    MAX_BUCKETS = 100_000

    def __init__(self, clock: Callable[[], int] = _monotonic_microseconds) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._arrival: dict[str, int] = {}

    def take(self, buckets: Mapping[str, Policy], *, tokens: int = 1) -> tuple[bool, list[int]]:
        """Take `tokens` from every bucket or from none. Returns (admitted, used microseconds of each)."""
        with self._lock:
            now = self._clock()
            used = [max(0, self._arrival.get(name, now) - now) for name in buckets]
            after = [
                taken + policy.interval * tokens for taken, policy in zip(used, buckets.values(), strict=True)
            ]
            if any(later > policy.capacity for later, policy in zip(after, buckets.values(), strict=True)):
                return False, used
            if tokens:
                self._make_room(now)
                self._arrival.update(zip(buckets, (now + later for later in after), strict=True))
            return True, after

    def _make_room(self, now: int) -> None:
        if len(self._arrival) < self.MAX_BUCKETS:
            return
        # Full buckets carry no information. If all are in use, forgetting the oldest errs on the client's side.
        self._arrival = {name: arrival for name, arrival in self._arrival.items() if arrival > now}
        while len(self._arrival) >= self.MAX_BUCKETS:
            del self._arrival[next(iter(self._arrival))]

    def clear(self) -> None:
        """Forget every bucket (Valkey is back, and counts again)."""
        with self._lock:
            self._arrival.clear()
