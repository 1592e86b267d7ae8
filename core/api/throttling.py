"""Token buckets: atomic in Valkey on the server's clock, or in-process while Valkey is unreachable (docs/architecture.md, Limits).

A bucket is one number, the *theoretical arrival time* (microseconds): how far into the future the calls admitted so
far reach when each takes `interval`. A bucket of `quota` tokens that refills within `window` admits a call while that
time is less than `window - interval` ahead (GCRA). This is exactly a token bucket, with one integer to store and nothing to
refill. Several buckets are all or nothing: a call that one of them refuses takes from none.

A refused call is assigned a *place*: the time of the next token that no earlier refused call was told to wait for. Callers
that honor `Retry-After` therefore return one by one, each when its token is available, rather than all in the same second. A
place reserves nothing. The last place assigned is stored next to the bucket, and only refusals read and write it. Places are
reused once a whole window is assigned, so nobody waits longer than a window, however many places a caller that does not wait
has used up.

Both values outlive a process, so they carry a schema: `<microseconds>.<schema>`. Earlier releases wrote and read the number
alone, to which the fraction makes no difference. A number with an unknown schema is ignored: the bucket counts as full.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from core.valkey.commands import Argument, PreparedCall, Script

MICROSECONDS = 1_000_000
STALE = -1
SCHEMA = "1"

# KEYS: key fence, company fence, buckets…, places…   ARGV: proof, proof, then per bucket interval and capacity (microseconds).
# Answers {-1} when a fence is not what the caller's copy says; else {1, used…} or {0, used…, waits…}: `used` microseconds of
# each capacity, and how long to wait for each bucket (0: it has a token).
SERVER_CLOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""
_ARRIVAL = f"""
local function arrival(value)
  local number, schema = string.match(value or '', '^(%d+)(%.?%d*)$')
  if schema == '.{SCHEMA}' or schema == '' then return tonumber(number) end
end
"""
_WRITTEN = f"'%.0f.{SCHEMA}'"
TAKE_SOURCE = (
    _ARRIVAL
    + """
local count = math.floor(#ARGV / 2) + 1
local values = redis.call('MGET', unpack(KEYS, 1, count))
if values[1] ~= ARGV[1] or values[2] ~= ARGV[2] then return {-1} end
--CLOCK--
local answer = {1}
for i = 3, count do
  local used = (arrival(values[i]) or now) - now
  if used < 0 then used = 0 end
  if used + ARGV[i * 2 - 3] > tonumber(ARGV[i * 2 - 2]) then answer[1] = 0 end
  answer[i - 1] = used
end
if answer[1] == 1 then
  for i = 3, count do
    local used = answer[i - 1] + ARGV[i * 2 - 3]
    answer[i - 1] = used
    redis.call('SET', KEYS[i], string.format(--FORM--, now + used), 'PX', math.ceil(used / 1000) + 1000)
  end
  return answer
end
for i = 3, count do
  local interval, capacity = tonumber(ARGV[i * 2 - 3]), tonumber(ARGV[i * 2 - 2])
  local wait, places = answer[i - 1] + interval - capacity, KEYS[i + count - 2]
  if wait <= 0 then
    wait = 0
  else
    local place = (arrival(redis.call('GET', places)) or 0) + interval - now
    if place > wait and place - wait < capacity then wait = place end
    redis.call('SET', places, string.format(--FORM--, now + wait), 'PX', math.ceil(wait / 1000) + 1000)
  end
  answer[i + count - 3] = wait
end
return answer
""".replace("--FORM--", _WRITTEN)
)
TAKE = Script(TAKE_SOURCE.replace("--CLOCK--", SERVER_CLOCK))

# The same for one bucket without fences. ARGV: interval, capacity, tokens to take (0 = only look).
TAKE_ONE_SOURCE = (
    _ARRIVAL
    + """
--CLOCK--
local used = (arrival(redis.call('GET', KEYS[1])) or now) - now
if used < 0 then used = 0 end
local after = used + ARGV[1] * ARGV[3]
if after > tonumber(ARGV[2]) then return {0, used} end
if after > used then
  redis.call('SET', KEYS[1], string.format(--FORM--, now + after), 'PX', math.ceil(after / 1000) + 1000)
end
return {1, after}
""".replace("--FORM--", _WRITTEN)
)
TAKE_ONE = Script(TAKE_ONE_SOURCE.replace("--CLOCK--", SERVER_CLOCK))


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """`quota` requests per `window` seconds under a name that appears in the headers."""

    name: str
    quota: int
    window: int = 60

    @property
    def interval(self) -> int:
        """Microseconds per token, rounded up, so that no client gets more than its quota.

        A quota of 0 has no tokens: its capacity is 0, and a refused client may retry after a window.
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
        """Return whether there is no token for another call."""
        return used + self.interval > self.capacity

    def retry_after(self, used: int) -> int:
        """Seconds until the next token, rounded up and at least 1, regardless of places (see `in_seconds`)."""
        return in_seconds(used + self.interval - self.capacity)


def in_seconds(wait: int) -> int:
    """Convert a wait in microseconds to the seconds of `Retry-After`: rounded up, and at least 1."""
    return max(1, ceil(wait / MICROSECONDS))


def place_of(bucket: str) -> str:
    """Return the Valkey key of the last place assigned for `bucket`."""
    return f"{bucket}:place"


class PolicySet:
    """Policies that are applied together, with their constant values precomputed."""

    __slots__ = ("_numbers", "arguments", "policies", "policy_header")

    def __init__(self, policies: Sequence[RatePolicy]) -> None:
        self.policies = tuple(policies)
        self.policy_header = ", ".join(policy.header for policy in self.policies)
        self.arguments: list[Argument] = []
        for policy in self.policies:
            self.arguments += [policy.interval, policy.capacity]
        self._numbers = tuple(
            (f'"{policy.name}";r=', policy.quota, policy.interval, policy.capacity)
            for policy in self.policies
        )

    def headers(self, used: Sequence[int], waits: Sequence[int] = ()) -> dict[str, str]:
        """The rate limit headers for buckets of which `used` microseconds are taken (same order as the policies).

        `X-RateLimit-*` describe the strictest policy: the one with the fewest tokens left. All times are
        delta-seconds. A refused caller (`waits`, in microseconds) gets its own place, as in `Retry-After`.
        """
        items = []
        strictest = None
        for number, (name, quota, interval, capacity) in enumerate(self._numbers):
            taken = used[number]
            left = (capacity - taken) // interval
            if waits and waits[number]:
                wait = in_seconds(waits[number])
            else:
                # Rounded up, so that the reset is never announced too early.
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

    def refusing(self, used: Sequence[int]) -> list[RatePolicy]:
        """Return the policies that have no token for another call."""
        pairs = zip(self.policies, used, strict=True)
        return [policy for policy, taken in pairs if policy.refuses(taken)]


def prepare_take(
    fences: Sequence[str], proofs: Sequence[bytes], buckets: Sequence[str], policies: PolicySet
) -> PreparedCall:
    """The one call of the hot path: prove both fences, take a token from every bucket."""
    return TAKE.prepare(
        [*fences, *buckets, *map(place_of, buckets)],
        [*proofs, *policies.arguments],
    )


def take_one(bucket: str, policy: RatePolicy, *, tokens: int = 1) -> tuple[bool, int]:
    """Take from one bucket without fences (0 tokens: only look). Returns (admitted, used). Raises ValkeyUnavailable."""
    admitted, used = TAKE_ONE.run([bucket], [policy.interval, policy.capacity, tokens])
    return admitted == 1, used


def _monotonic_microseconds() -> int:
    return time.monotonic_ns() // 1000


class LocalBuckets:
    """The same buckets in this process's memory, used while Valkey is unreachable."""

    MAX_BUCKETS = 100_000

    def __init__(self, clock: Callable[[], int] = _monotonic_microseconds) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._arrival: dict[str, int] = {}

    def take(
        self, buckets: Mapping[str, RatePolicy], *, tokens: int = 1
    ) -> tuple[bool, list[int], list[int]]:
        """Take `tokens` from every bucket or from none. Returns (admitted, used, waits), the last two in microseconds.

        A refused call gets a place in each bucket that refuses it; an admitted call, or a mere look, has no wait.
        """
        with self._lock:
            now = self._clock()
            used = [max(0, self._arrival.get(name, now) - now) for name in buckets]
            after = [
                taken + policy.interval * tokens for taken, policy in zip(used, buckets.values(), strict=True)
            ]
            if any(later > policy.capacity for later, policy in zip(after, buckets.values(), strict=True)):
                waits = [0] * len(used)
                if tokens:
                    waits = [
                        self._give_place(place_of(name), policy, taken, now)
                        for (name, policy), taken in zip(buckets.items(), used, strict=True)
                    ]
                return False, used, waits
            if tokens:
                self._make_room(now)
                self._arrival.update(zip(buckets, (now + later for later in after), strict=True))
            return True, after, [0] * len(after)

    def _give_place(self, places: str, policy: RatePolicy, used: int, now: int) -> int:
        wait = used + policy.interval - policy.capacity
        if wait <= 0:
            return 0
        place = self._arrival.get(places, 0) + policy.interval - now
        if wait < place < wait + policy.capacity:
            wait = place
        self._make_room(now)
        self._arrival[places] = now + wait
        return wait

    def _make_room(self, now: int) -> None:
        if len(self._arrival) < self.MAX_BUCKETS:
            return
        # Full buckets carry no information. If all are in use, dropping the oldest errs in the client's favor.
        self._arrival = {name: arrival for name, arrival in self._arrival.items() if arrival > now}
        while len(self._arrival) >= self.MAX_BUCKETS:
            del self._arrival[next(iter(self._arrival))]

    def clear(self) -> None:
        """Drop all buckets (Valkey is back and counts again)."""
        with self._lock:
            self._arrival.clear()
