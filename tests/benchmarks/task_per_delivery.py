"""A typical Django implementation: one Celery task per delivery, each with its own queries and POST."""

from __future__ import annotations

import time

import django
import urllib3
from celery import Celery

django.setup()

from django.utils import timezone  # noqa: E402

from config.celery import app as platform  # noqa: E402
from core.security import crypto  # noqa: E402
from core.tenancy import system_context  # noqa: E402
from core.values import ids  # noqa: E402
from webhooks import signing  # noqa: E402
from webhooks.models import Attempt, Delivery, EndpointSecret, EventBody  # noqa: E402

app: Celery = platform
pool = urllib3.PoolManager(retries=False, timeout=15)


@app.task(name="benchmarks.deliver", ignore_result=True)
def deliver(delivery_id: str) -> None:
    """Load a delivery, send it, and record the result."""
    with system_context(reason="benchmark"):
        delivery = Delivery.objects.select_related("endpoint").get(id=delivery_id)
        body = bytes(EventBody.objects.get(event_id=delivery.event_id).body)
        secret = crypto.decrypt(
            bytes(EndpointSecret.objects.get(endpoint=delivery.endpoint, expires=None).secret)
        )
    headers = signing.headers([secret.decode()], ids.encode("evt", delivery.event_id), int(time.time()), body)
    started = time.perf_counter()
    answer = pool.request(
        "POST", delivery.endpoint.url, body=body, headers={**headers, "Content-Type": "application/json"}
    )
    with system_context(reason="benchmark"):
        Attempt.objects.create(
            company_id=delivery.company_id,
            mode=delivery.mode,
            delivery=delivery,
            number=1,
            trigger="scheduled",
            url=delivery.endpoint.url,
            status_code=answer.status,
            duration_ms=round((time.perf_counter() - started) * 1000),
        )
        delivery.status = Delivery.Status.SUCCEEDED
        delivery.due_at = None
        delivery.attempts = 1
        delivery.finished_at = timezone.now()
        delivery.save(update_fields=["status", "due_at", "attempts", "finished_at"])
