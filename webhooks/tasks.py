"""Hints that there may be work. Each may be lost or doubled: the sweep finds what a lost one left."""

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
    """Wake the delivery engine on the clock, since retries fall due and hints get lost; measure what waits."""
    pump.wake()
    metrics.measure_backlog()


@system_task(name="webhooks.send_notices")
def send_notices(**_: Any) -> None:
    """Tell owners about endpoints that were switched off."""
    emails.send_notices()


@system_task(name="webhooks.prune")
def prune(**_: Any) -> None:
    """Remove deliveries, events and counts that are older than they are kept."""
    retention.prune()


@worker_process_shutdown.connect
@worker_shutdown.connect
def _finish_deliveries(**_: Any) -> None:
    pump.stop()
