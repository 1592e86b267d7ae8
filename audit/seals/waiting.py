"""The age of the oldest unsealed entry."""

from collections.abc import Iterator

from django.db.models import Min

from audit.models import UnsealedEntry
from core import clock
from core.background.watch import Reading
from core.tenancy import system_context

# The sealer runs once a minute.
LIMIT_SECONDS = 300.0


def read_oldest_entry() -> Iterator[Reading]:
    """Yield the age of the oldest unsealed entry, including entries that were removed before they could be sealed."""
    with system_context(reason="oldest unsealed entry"):
        oldest = UnsealedEntry.objects.aggregate(oldest=Min("created"))["oldest"]
    waited = (clock.now() - oldest).total_seconds() if oldest else 0.0
    yield Reading("unsealed_entry", "Oldest audit entry that is not sealed", max(waited, 0.0), LIMIT_SECONDS)
