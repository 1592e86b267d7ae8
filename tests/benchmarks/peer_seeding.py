"""Creates the peer's tables, keys and customers. Reads `{"keys": n, "customers": n}` and prints `{"keys": […]}`."""

import json
import sys

import django
from django.core.management import call_command

django.setup()

from rest_framework_api_key.models import APIKey  # noqa: E402

from tests.benchmarks.peer.models import PeerCustomer  # noqa: E402


def main() -> None:
    """Create the rows."""
    order = json.load(sys.stdin)
    call_command("migrate", run_syncdb=True, verbosity=0)
    keys = [APIKey.objects.create_key(name=f"benchmark {number}")[1] for number in range(order["keys"])]
    PeerCustomer.objects.bulk_create(  # type: ignore[attr-defined]
        PeerCustomer(
            name="Ada Lovelace", email="ada@example.com", external_id=f"seed-{n}", metadata={"plan": "gold"}
        )
        for n in range(order["customers"])
    )
    print(json.dumps({"keys": keys}))


if __name__ == "__main__":
    main()
