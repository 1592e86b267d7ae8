"""Tasks that wake the delivery engine. Each may be lost or duplicated: the sweep picks up anything left behind."""

from __future__ import annotations

from typing import Any

from celery.signals import worker_process_shutdown, worker_shutdown

from core.background.jobs import system_task
from webhooks import emails, retention
from webhooks.delivery import metrics, pump


@system_task(name="webhooks.relay_events")
def relay_events(**_: Any) -> None:
    """Wake this process's delivery engine: an event was committed."""
    pump.wake()


@system_task(name="webhooks.sweep")
def sweep(**_: Any) -> None:
    """Wake the delivery engine periodically, because retries become due and wake-ups get lost; measure the backlog."""
    pump.wake()
    metrics.measure_backlog()


@system_task(name="webhooks.send_notices")
def send_notices(**_: Any) -> None:
    """Notify owners of endpoints that were disabled."""
    emails.send_notices()


@system_task(name="webhooks.prune")
def prune(**_: Any) -> None:
    """Delete deliveries, events and counts past their retention period."""
    retention.prune()


@worker_process_shutdown.connect
@worker_shutdown.connect
def _finish_deliveries(**_: Any) -> None:
    pump.stop()
