"""No transaction is held open across a call to another server, or across a slow hash (docs/architecture.md, Events).

Whatever leaves the process, or takes the processor for long, says so here first. A call from inside a transaction is counted
and logged in production, where refusing it would do more harm than the locks it holds; with `REFUSE_CALLS_IN_TRANSACTIONS`
it is refused, which is how a test walks through everything.
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
    """A slow call was made while this thread held a transaction open. A mistake in our code."""


def outside_transactions(call: str) -> None:
    """Note that `call` (a server, or a kind of hash) is about to be made. Raises CalledInTransaction when told to."""
    if not transaction.get_connection().in_atomic_block:
        return
    CALLS.labels(call).inc()
    if settings.REFUSE_CALLS_IN_TRANSACTIONS:
        raise CalledInTransaction(f"{call} was called inside a transaction.")
    log.error("call_in_transaction", call=call, stack_info=True)
