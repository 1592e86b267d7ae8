"""The Valkey streams of sealed batches: requests, and the bodies that are kept. Each is limited in bytes and rejects batches when full.

An entry of requests that a writer cannot process goes to a further stream with the reason, for an operator to inspect and for
a release that knows its schema. All keys share a hash tag, so that one script can use them in a Valkey Cluster.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.valkey import commands
from core.valkey.commands import CommandRefused, Script

# Releases before seals used this stream. They must not see sealed batches, which they would drop as invalid.
UNSEALED = "{audit}:requests"
GROUP = "writers"
# How many batches that no writer could process are kept.
MAX_ASIDE = 1000
# A crashed writer's batch is taken over after this time.
TAKE_OVER_AFTER_MS = 15_000

_ADD = Script("""
local size = tonumber(redis.call('GET', KEYS[2]) or '0')
if size + #ARGV[1] > tonumber(ARGV[2]) then
  return 0
end
redis.call('XADD', KEYS[1], '*', 'rows', ARGV[1])
redis.call('INCRBY', KEYS[2], #ARGV[1])
return 1
""")

_DONE = Script("""
local bytes = 0
for i = 2, #ARGV, 2 do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then
    bytes = bytes + tonumber(ARGV[i + 1])
  end
end
if redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('SET', KEYS[2], 0)
else
  redis.call('DECRBY', KEYS[2], bytes)
end
return bytes
""")


_SET_ASIDE = Script("""
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[1], '*', 'rows', ARGV[2], 'reason', ARGV[3])
return 1
""")


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One entry of the stream: its stream id and the sealed batch."""

    entry_id: bytes
    payload: bytes


class Stream:
    """A stream of sealed batches, read by one group of writers."""

    def __init__(self, name: str, *, max_bytes: int) -> None:
        self.name = name
        self.size = f"{name}:bytes"
        self.aside = f"{name}:aside"
        self.max_bytes = max_bytes

    def add(self, payload: bytes) -> bool:
        """Append a batch. False if the stream is full. Raises core.valkey.commands.ValkeyUnavailable."""
        return bool(_ADD.run([self.name, self.size], [payload, self.max_bytes]))

    def ensure_group(self) -> None:
        """Create the consumer group (and the stream), reading from the beginning. Raises ValkeyUnavailable."""
        try:
            commands.call("XGROUP", "CREATE", self.name, GROUP, "0", "MKSTREAM")
        except CommandRefused as error:
            if "BUSYGROUP" not in error.reply:
                raise

    def read_new(self, consumer: str, count: int, block_ms: int | None = None) -> list[StreamEntry]:
        """Claim up to `count` new batches. Raises ValkeyUnavailable."""
        block = () if block_ms is None else ("BLOCK", block_ms)
        return _deliveries(
            commands.call(
                "XREADGROUP", "GROUP", GROUP, consumer, "COUNT", count, *block, "STREAMS", self.name, ">"
            )
        )

    def read_own(self, consumer: str, count: int) -> list[StreamEntry]:
        """Return batches this consumer has claimed but not acknowledged (PostgreSQL failed). Raises ValkeyUnavailable."""
        return _deliveries(
            commands.call("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", count, "STREAMS", self.name, "0")
        )

    def take_over(self, consumer: str, count: int) -> list[StreamEntry]:
        """Claim batches whose writer has been idle for TAKE_OVER_AFTER_MS. Raises ValkeyUnavailable."""
        answer = commands.call(
            "XAUTOCLAIM", self.name, GROUP, consumer, TAKE_OVER_AFTER_MS, "0", "COUNT", count
        )
        return _pairs(answer[1])

    def done(self, deliveries: list[StreamEntry]) -> None:
        """Acknowledge and remove committed batches. If it raises ValkeyUnavailable, they are delivered again."""
        arguments: list[Any] = [GROUP]
        for delivery in deliveries:
            arguments += [delivery.entry_id, len(delivery.payload)]
        _DONE.run([self.name, self.size], arguments)

    def set_aside(self, payload: bytes, reason: str) -> None:
        """Keep a batch that cannot be processed, with the reason. At most MAX_ASIDE are kept. Raises ValkeyUnavailable."""
        _SET_ASIDE.run([self.aside], [MAX_ASIDE, payload, reason])

    def read_set_aside(self, count: int) -> Iterator[list[StreamEntry]]:
        """Yield the batches set aside, oldest first, `count` at a time. Raises ValkeyUnavailable."""
        start = b"-"
        while found := _pairs(commands.call("XRANGE", self.aside, start, "+", "COUNT", count)):
            yield found
            start = b"(" + found[-1].entry_id

    def remove_from_aside(self, deliveries: list[StreamEntry]) -> None:
        """Remove batches from the stream of those set aside. Raises ValkeyUnavailable."""
        commands.call("XDEL", self.aside, *(delivery.entry_id for delivery in deliveries))

    def waiting(self) -> int:
        """Return the number of batches in the stream. Raises ValkeyUnavailable."""
        return int(commands.call("XLEN", self.name))


# The limits of the backlogs: about 700,000 requests; and the bodies of a few thousand, which must not take their place.
REQUESTS = Stream("{audit}:sealed-requests", max_bytes=256 * 1024 * 1024)
BODIES = Stream("{audit}:request-bodies", max_bytes=64 * 1024 * 1024)


def read_unsealed(count: int) -> list[StreamEntry]:
    """Return up to `count` batches of a release before seals, which are not authenticated. Raises ValkeyUnavailable."""
    return _pairs(commands.call("XRANGE", UNSEALED, "-", "+", "COUNT", count))


def forget_unsealed(deliveries: list[StreamEntry]) -> None:
    """Remove batches of a release before seals. Raises ValkeyUnavailable."""
    commands.call("XDEL", UNSEALED, *(delivery.entry_id for delivery in deliveries))


def _deliveries(answer: Any) -> list[StreamEntry]:
    if not answer:
        return []
    # RESP2 returns a list of (stream, entries), RESP3 a mapping.
    entries = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
    return _pairs(entries)


def _pairs(entries: Any) -> list[StreamEntry]:
    found = []
    for entry_id, fields in entries:
        if fields is None:  # removed from the stream after it was claimed
            continue
        values = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
        # A foreign entry may have no batch at all.
        found.append(StreamEntry(entry_id, values.get(b"rows", b"")))
    return found
