"""A delivery engine process, to be killed. Prints "ready" once it works."""

import asyncio
import sys

import django

django.setup()

from webhooks.delivery.limits import Limits  # noqa: E402
from webhooks.delivery.pump import Pump  # noqa: E402

# Few at a time, so that there is a half way; a lease that outlasts the calls of a slow machine and not the test.
LIMITS = Limits(slots=16, per_endpoint=8, connect_timeout=2.0, total_timeout=4.0, lease=6.0)


def main() -> None:
    """Deliver until killed."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    asyncio.run(Pump(LIMITS).run())


if __name__ == "__main__":
    main()
