"""A delivery engine, to be killed, in a forked process (tests.forked)."""

import asyncio

from django.conf import settings

from tests.forked import Connection
from webhooks.delivery.limits import Limits
from webhooks.delivery.pump import Pump

# Few at a time, so that there is a half way; a lease that outlasts the calls of a slow machine and not the test.
LIMITS = Limits(slots=16, per_endpoint=8, connect_timeout=2.0, total_timeout=4.0, lease=6.0)


def serve(_connection: Connection) -> None:
    """Deliver to receivers on this machine until killed."""
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    asyncio.run(Pump(LIMITS).run())
