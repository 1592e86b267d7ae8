"""Queries of webhooks, all within the current tenant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from core.errors import NotFound
from core.models import OutboxEvent
from core.postgres.orders import NEWEST
from core.principal import Principal
from core.security import crypto
from core.security.reach import readable, require_reach
from core.tenancy import referring_to
from webhooks.catalogue import CATALOGUE, TEST_EVENT
from webhooks.models import Attempt, Delivery, Endpoint, EndpointSecret, RecoveryJob

# Conditions for endpoints by health, as named on the staff site.
ENDPOINT_HEALTH = {
    "failing": Q(enabled=True, failing_since__isnull=False, deleted_at=None),
    "given_up": Q(enabled=False, disabled_reason__in=["gone", "failing"], deleted_at=None),
}


def list_endpoints() -> QuerySet[Endpoint]:
    """Return the endpoints that are not deleted."""
    return Endpoint.objects.filter(deleted_at=None)


def get_endpoint(public_id: str) -> Endpoint:
    """Return the endpoint. Raises NotFound if it does not exist in this tenant or is deleted."""
    return Endpoint.by_public_id(public_id, among=list_endpoints())


def current_secret(endpoint: Endpoint) -> str:
    """Return the secret for new signatures. Raises NotFound for a deleted endpoint."""
    try:
        row = EndpointSecret.objects.get(endpoint=endpoint, expires=None)
    except EndpointSecret.DoesNotExist as error:
        raise NotFound from error
    return crypto.decrypt(bytes(row.secret)).decode()


def list_deliveries(reader: Principal | None = None) -> QuerySet[Delivery]:
    """Return the deliveries to all endpoints, including deleted ones. For a key, only those of events it may read."""
    rows = Delivery.objects.all()
    types = None if reader is None else readable(reader, [*CATALOGUE, TEST_EVENT])
    return rows if types is None else rows.filter(event_type__in=types)


def filter_deliveries(
    *,
    endpoint: str | None = None,
    event_type: str | None = None,
    status: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
) -> QuerySet[Delivery]:
    """Return the deliveries that match every given filter. `endpoint` is a TypeID; a foreign one matches nothing."""
    rows = list_deliveries()
    if endpoint:
        rows = referring_to(rows, "endpoint", endpoint)
    if event_type:
        rows = rows.filter(event_type=event_type)
    if status:
        rows = rows.filter(status=status)
    if created_after:
        rows = rows.filter(created__gte=created_after)
    if created_before:
        rows = rows.filter(created__lt=created_before)
    return rows


def get_delivery(public_id: str, reader: Principal | None = None) -> Delivery:
    """Return the delivery. Raises NotFound if it does not exist in this tenant, insufficient_scope for a key."""
    delivery: Delivery = Delivery.by_public_id(public_id)
    if reader is not None:
        require_reach(reader, [delivery.event_type])
    return delivery


def attempts_of(deliveries: Iterable[Delivery]) -> dict[UUID, list[Attempt]]:
    """Return the attempts of `deliveries` by delivery, oldest first, in one query."""
    found: dict[UUID, list[Attempt]] = defaultdict(list)
    for row in Attempt.objects.filter(delivery_id__in=[each.id for each in deliveries]).order_by("number"):
        found[row.delivery_id].append(row)
    return found


def list_events(reader: Principal | None = None) -> QuerySet[OutboxEvent]:
    """Return the public events, including those not relayed yet. For a key, only those it may read."""
    rows = OutboxEvent.objects.filter(public=True)
    types = None if reader is None else readable(reader, CATALOGUE)
    return rows if types is None else rows.filter(type__in=types)


def get_event(public_id: str, reader: Principal | None = None) -> OutboxEvent:
    """Return the event, including test events. Raises NotFound if it does not exist in this tenant, insufficient_scope for a key."""
    event = OutboxEvent.by_public_id(
        public_id, among=OutboxEvent.objects.filter(Q(public=True) | Q(type=TEST_EVENT))
    )
    if reader is not None:
        require_reach(reader, [event.type])
    return event


def list_recoveries(endpoint: Endpoint) -> QuerySet[RecoveryJob]:
    """Return the endpoint's recovery jobs, newest first."""
    return RecoveryJob.objects.filter(endpoint=endpoint).order_by(NEWEST)
