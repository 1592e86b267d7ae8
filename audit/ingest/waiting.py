"""The age of the oldest request in Valkey's stream that is not yet in the log."""

import time
from collections.abc import Iterator

from audit.ingest.stream import REQUESTS
from core.background.watch import Reading
from core.valkey import commands
from core.valkey.commands import ValkeyUnavailable

# Requests are normally written every second; after this long, no worker is writing.
LIMIT_SECONDS = 120.0


def read_oldest_request() -> Iterator[Reading]:
    """Yield the age of the oldest batch in the stream, derived from its id; nothing while Valkey is down."""
    try:
        found = commands.call("XRANGE", REQUESTS.name, "-", "+", "COUNT", 1)
    except ValkeyUnavailable:
        return
    waited = time.time() - int(bytes(found[0][0]).partition(b"-")[0]) / 1000 if found else 0.0
    yield Reading(
        "unwritten_request", "Oldest request that is not in the request log", max(waited, 0.0), LIMIT_SECONDS
    )
