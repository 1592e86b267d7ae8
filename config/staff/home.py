"""The home of the staff site: items that need a decision or attention, each linked to the matching filtered list.

The watches beside it (core.background.watch) are about machines, these items about companies. Staff members see the items
whose lists they may open.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.db.models import Model, Q
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Company
from accounts.selectors import COMPANY_STATES
from audit.models import RequestLog
from billing.models import TierRequest
from config.staff.permitted import admin_of
from core import clock
from core.models import SetAside
from core.operations.health import Readiness
from core.ui.staff import MOST_COUNTED
from core.values.ids import first_id
from messaging.models import Reputation, SmsSender
from messaging.models.reputation import APPEAL_WAITS
from webhooks.models import Endpoint
from webhooks.selectors import ENDPOINT_HEALTH

# The names of readiness checks that only the code goes by; /readyz keeps them.
_CHECK_LABELS = {
    "background": "background threads",
    "role": "database role",
    "walls": "row-level security",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item of the home. `count` is exact up to MOST_COUNTED; `address` is the URL of the list of the counted objects."""

    label: str
    count: int
    address: str

    @property
    def amount(self) -> str:
        """The count as text."""
        return f"{self.count:,}" if self.count < MOST_COUNTED else f"{MOST_COUNTED:,} or more"


@dataclass(frozen=True, slots=True)
class _Line:
    label: str
    model: type[Model]
    rows: Q
    query: dict[str, str]


def list_waiting(site: AdminSite, request: HttpRequest) -> list[Waiting]:
    """Return the items that the staff member may open. Call it inside `system_context`."""
    found = []
    for line in _lines():
        admin = admin_of(site, request, line.model)
        if admin is None:
            continue
        options = line.model._meta
        address = reverse(f"{site.name}:{options.app_label}_{options.model_name}_changelist")
        # Limited like the lists themselves: the exact number does not matter beyond that.
        rows = admin.get_queryset(request).filter(line.rows).order_by()[:MOST_COUNTED]
        found.append(
            Waiting(line.label, rows.count(), f"{address}?{urlencode(line.query)}" if line.query else address)
        )
    return found


def _lines() -> Iterator[_Line]:
    yield _Line("Tier requests", TierRequest, Q(status="open"), {"status__exact": "open"})
    yield _Line("Companies to approve", Company, COMPANY_STATES["approval"], {"state": "approval"})
    yield _Line("SMS senders to review", SmsSender, Q(status="pending"), {"status__exact": "pending"})
    yield _Line("Appeals to lift an email pause", Reputation, APPEAL_WAITS, {"appeal": "waits"})
    yield _Line("Suspended companies", Company, COMPANY_STATES["suspended"], {"state": "suspended"})
    yield _Line("Failing webhook endpoints", Endpoint, ENDPOINT_HEALTH["failing"], {"health": "failing"})
    yield _Line(
        "Endpoints disabled after failing", Endpoint, ENDPOINT_HEALTH["given_up"], {"health": "given_up"}
    )
    yield _Line(
        "Requests that ended with 5xx, last 24 hours",
        RequestLog,
        Q(pk__gte=first_id(clock.now() - timedelta(days=1)), status__gte=500),
        {"outcome": "5", "days": "1"},
    )
    yield _Line("Rows set aside by batches", SetAside, Q(), {})


def keep_checks(request: HttpRequest, found: Readiness) -> None:
    """Store the readiness checks, made before the page's context was opened, on the request."""
    request.readiness = found  # type: ignore[attr-defined]


def checks_of(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the readiness checks, each with its problem; empty if it passed."""
    results: dict[str, str] = request.readiness.results  # type: ignore[attr-defined]
    return [
        (
            _CHECK_LABELS.get(name) or name.replace("_", " "),
            "" if result == "ok" else result.removeprefix("warning: "),
        )
        for name, result in results.items()
    ]
