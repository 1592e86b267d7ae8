"""Fences: the newest version of a key and of its company, kept in Valkey so that every process notices a change.

Versions live in PostgreSQL (`ApiKey.version`, `Company.version`); a change raises its version there and, after the
commit and before the call returns, the *fence* here. A process proves with every request that the copy it decided on
carries the fence's version. A fence is the text `<version>:<epoch>~<schema>`; the epoch is a random name the fence gets when it
is created, so that a copy made before `FLUSHALL` does not match a fence made after it, whatever its number. Releases before
schemas wrote no `~<schema>`, and read it as part of the epoch. A fence in any other form has an unknown schema and counts as
missing: it is re-created, and no copy made before passes it.

Rules that make a stale copy impossible to use:
- a writer only ever raises (compare-and-raise); a lower number never overwrites a higher one;
- a reader that finds no fence *marks* it (version 0, a new epoch) before it reads PostgreSQL, and may afterwards only
  raise the fence of that same epoch; if the fence is gone or was raised further, it reads again;
- a copy is re-proved from PostgreSQL at least every 60 s, which bounds what a failover that lost a write can do. While PostgreSQL is
  away nobody can change a key in it, and a copy that passes its fences is used up to ten minutes after it was proved (ADR 9).
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from prometheus_client import Counter

from core.valkey.commands import Script, ValkeyUnavailable

# An expired fence counts as missing: the next reader reads PostgreSQL. Far longer than the lifetime of a copy.
FENCE_SECONDS = 86_400
# The longest delay until a change reaches processes while Valkey is unreachable.
LONGEST_DELAY_SECONDS = 60

SCHEMA = "1"

INVALIDATION_FAILURES = Counter(
    "pomelo_cache_invalidation_failures_total",
    "Changes of keys and companies for which fences could not be raised, because Valkey was unreachable",
)
_undelivered: ContextVar[list["Effect"] | None] = ContextVar("undelivered_effects", default=None)

_KNOWN = f"""
local function known(value)
  return value and (string.find(value, '^%d+:%x+~{SCHEMA}$') or string.find(value, '^%d+:%x+$'))
end
"""

_MARK = Script(
    _KNOWN
    + """
local found = redis.call('MGET', unpack(KEYS))
for i, value in ipairs(found) do
  if not known(value) then
    value = '0:' .. ARGV[1]
    redis.call('SET', KEYS[i], value, 'EX', ARGV[2])
    found[i] = value
  end
end
return found
"""
)

# ARGV: seconds, epoch for a fence that must be created, then per key: version, epoch ('' for a writer)
_RAISE = Script(
    _KNOWN
    + """
local found = redis.call('MGET', unpack(KEYS))
for i, value in ipairs(found) do
  local version, epoch = tonumber(ARGV[i * 2 + 1]), ARGV[i * 2 + 2]
  if not known(value) then
    found[i] = false
    if epoch == '' then
      found[i] = ARGV[i * 2 + 1] .. ':' .. ARGV[2]
      redis.call('SET', KEYS[i], found[i], 'EX', ARGV[1])
    end
  else
    local separator = string.find(value, ':', 1, true)
    local current, own = tonumber(string.sub(value, 1, separator - 1)), string.sub(value, separator + 1)
    if current <= version and (epoch == '' or epoch == own) then
      found[i] = ARGV[i * 2 + 1] .. ':' .. own
      redis.call('SET', KEYS[i], found[i], 'EX', ARGV[1])
    end
  end
end
return found
"""
)


@dataclass(frozen=True, slots=True)
class Fence:
    """The state of one fence as read from Valkey. `version` 0 means: marked, nothing known yet."""

    version: int
    epoch: str

    @property
    def proof(self) -> bytes:
        """The text a copy must carry to pass this fence."""
        return f"{self.version}:{self.epoch}".encode()

    @classmethod
    def parse(cls, value: bytes) -> "Fence":
        """Parse a fence. Raises ValueError for any other text (something else writes to our Valkey)."""
        version, _, epoch = value.decode().partition(":")
        return cls(int(version), epoch)


@dataclass(slots=True)
class Effect:
    """Whether a change has reached every process. Set when the change is committed.

    `immediate` is None before the commit, True when Valkey was updated, and False when it was unreachable, so that the
    change may take up to LONGEST_DELAY_SECONDS to reach processes that hold a copy.
    """

    immediate: bool | None = None


def company_fence(company_id: UUID) -> str:
    """Return the name of a company's fence. The braces (a hash tag) put a company's keys on one cluster node."""
    return f"{{{company_id.hex}}}:fence"


def key_fence(company_id: UUID, key_id: UUID) -> str:
    """Return the name of a key's fence."""
    return f"{{{company_id.hex}}}:fence:{key_id.hex}"


def _epoch() -> str:
    return f"{os.urandom(6).hex()}~{SCHEMA}"


def mark(names: Sequence[str]) -> list[Fence]:
    """Read fences, creating those that are missing at version 0 with a new epoch. Raises ValkeyUnavailable."""
    return _parsed(_MARK.run(names, [_epoch(), FENCE_SECONDS]))


def confirm(names: Sequence[str], versions: Sequence[int], seen: Sequence[Fence]) -> list[Fence] | None:
    """Raise fences as a reader: after `mark` and a read of PostgreSQL, prove `versions` within the epochs `seen`.

    Returns the fences now in force, or None when one vanished meanwhile (read PostgreSQL again).
    Raises ValkeyUnavailable.
    """
    arguments: list[str | bytes | int] = [FENCE_SECONDS, _epoch()]
    for version, fence in zip(versions, seen, strict=True):
        arguments += [version, fence.epoch]
    values = _RAISE.run(names, arguments)
    return None if None in values else _parsed(values)


def raise_now(name: str, version: int) -> None:
    """Raise a fence as a writer: no copy older than `version` passes from here on. Raises ValkeyUnavailable."""
    _RAISE.run([name], [FENCE_SECONDS, _epoch(), version, ""])


@contextmanager
def collecting_undelivered() -> Iterator[list[Effect]]:
    """Collect the changes made inside the block, in this thread, that did not reach every process immediately."""
    collected: list[Effect] = []
    token = _undelivered.set(collected)
    try:
        yield collected
    finally:
        _undelivered.reset(token)


def raise_after_commit(name: str, version: int) -> Effect:
    """Raise a fence right after the current transaction commits, before control returns to the caller.

    The change itself never fails because of Valkey: the returned Effect says afterwards whether the fence was raised.
    """
    effect = Effect()

    def propagate() -> None:
        try:
            raise_now(name, version)
        except ValkeyUnavailable:
            # core.valkey.commands has logged it, and the sweep of recent changes repeats it. The caller learns of it from the Effect,
            # and through `collecting_undelivered`, so that no caller can forget to report it.
            effect.immediate = False
            INVALIDATION_FAILURES.inc()
            collected = _undelivered.get()
            if collected is not None:
                collected.append(effect)
        else:
            effect.immediate = True

    transaction.on_commit(propagate)
    return effect


def _parsed(values: Sequence[bytes]) -> list[Fence]:
    try:
        return [Fence.parse(value) for value in values]
    except ValueError as error:
        raise ValkeyUnavailable(f"A fence holds something that is no fence: {error}") from error
