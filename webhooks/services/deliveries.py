"""Deliveries on request: test events and resends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from core import clock
from core.background import jobs
from core.errors import FieldError, FieldErrors
from core.events import RELAY_TASK, publish
from core.models import OutboxEvent
from core.principal import Principal
from core.security.reach import require_reach
from core.values import api_dates
from webhooks.catalogue import CATALOGUE, TEST_EVENT
from webhooks.events import DeliveryResent, EndpointTested
from webhooks.models import Delivery, Endpoint
from webhooks.relay import OutboxRow, insert_deliveries
from webhooks.services.errors import DeliveryInProgress, EndpointIsDisabled


def send_test(
    *,
    endpoint: Endpoint,
    actor: Principal,
    event_type: str = TEST_EVENT,
    sample: dict[str, Any] | None = None,
) -> Delivery:
    """Queue a test event for this endpoint alone and return its delivery.

    With a `sample` object it can be an event of any type, regardless of the endpoint's subscriptions. Only in test mode, because
    a live receiver would act on an event that never happened. Raises EndpointIsDisabled, FieldErrors.
    """
    _require_enabled(endpoint)
    if event_type != TEST_EVENT:
        if event_type not in CATALOGUE or sample is None:
            raise FieldErrors(
                [FieldError("event", "unknown_event", "There is no such event; see the event catalog.")]
            )
        if endpoint.mode != "test":
            reason = "A live receiver would act on it. Send example events in test mode."
            raise FieldErrors([FieldError("event", "only_in_test_mode", reason)])
    message = sample or {
        "id": endpoint.public_id,
        "object": "webhook_test",
        "message": "This is a test. If the signature verifies, the endpoint is ready.",
    }
    row = OutboxEvent.objects.create(
        type=event_type,
        object_id=endpoint.public_id,
        data={"object": message},
        api_version=api_dates.NEWEST,
        public=False,
        relayed_at=clock.now(),
    )
    event = OutboxRow.of(row)
    with connection.cursor() as cursor:
        insert_deliveries(cursor, [event], [(event, endpoint.id)])
    jobs.enqueue(RELAY_TASK)
    publish(EndpointTested(object_id=endpoint.public_id, detail={"event": event_type}), actor=actor)
    return Delivery.objects.get(event=row, endpoint=endpoint)


def resend_deliveries(
    *, deliveries: Sequence[Delivery], actor: Principal, reason: str = ""
) -> list[Delivery]:
    """Resend each of `deliveries` now, with a full new series of attempts. Staff give a `reason`.

    All or nothing. A key needs the read scope of every event in them. Raises EndpointIsDisabled, DeliveryInProgress,
    insufficient_scope.
    """
    require_reach(actor, {each.event_type for each in deliveries})
    rows = list(
        Delivery.objects.select_for_update(of=("self",))
        .select_related("endpoint")
        .filter(id__in=[each.id for each in deliveries])
        .order_by("id")
    )
    for row in rows:
        check_resend(row)
    now = clock.now()
    Delivery.objects.filter(id__in=[row.id for row in rows]).update(
        status=Delivery.Status.PENDING, due_at=now, failures=0, manual=True, finished_at=None
    )
    for row in rows:
        row.refresh_from_db()
        publish(
            DeliveryResent(
                object_id=row.public_id, detail={"endpoint": row.endpoint.public_id, "reason": reason}
            ),
            actor=actor,
        )
    jobs.enqueue(RELAY_TASK)
    return rows


def check_resend(delivery: Delivery) -> None:
    """Raise EndpointIsDisabled or DeliveryInProgress if the delivery cannot be resent now."""
    _require_enabled(delivery.endpoint)
    if delivery.status == Delivery.Status.SENDING:
        raise DeliveryInProgress(f"{delivery.public_id} is being sent right now.")


def _require_enabled(endpoint: Endpoint) -> None:
    if not endpoint.enabled or endpoint.deleted_at is not None:
        raise EndpointIsDisabled(f"{endpoint.public_id} is disabled.")
