"""Detects transactions held open across a network call or a slow hash (docs/architecture.md, Events).

Code that is about to make a network call or use the CPU for long announces it here first. In production, a call inside a
transaction is counted and logged, because refusing it would do more harm than the locks it holds. In tests,
`REFUSE_CALLS_IN_TRANSACTIONS` turns it into an error.
"""

import structlog
from django.conf import settings
from django.db import transaction
from prometheus_client import Counter

log = structlog.get_logger("pomelo.outside")
CALLS = Counter(
    "pomelo_calls_in_transactions_total", "Slow calls made while a transaction was open", ["call"]
)


class CalledInTransaction(RuntimeError):
    """A slow call was made while this thread held a transaction open: a bug in our code."""


def outside_transactions(call: str) -> None:
    """Announce that `call` (to a server, or a kind of hash) is about to be made. Raises CalledInTransaction if so configured."""
    if not transaction.get_connection().in_atomic_block:
        return
    CALLS.labels(call).inc()
    if settings.REFUSE_CALLS_IN_TRANSACTIONS:
        raise CalledInTransaction(f"{call} was called inside a transaction.")
    log.error("call_in_transaction", call=call, stack_info=True)
