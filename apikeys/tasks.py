"""Periodic tasks for keys, started by beat."""

from datetime import timedelta

import structlog

from apikeys.selectors import recently_changed
from apikeys.services import notices, reports
from core import clock
from core.background import set_aside
from core.background.jobs import system_task, tenant_task
from core.valkey import fences
from core.valkey.commands import CommandRefused, ValkeyUnavailable
from core.values import ids

log = structlog.get_logger("pomelo.apikeys.tasks")

# Long enough for a failover or an outage of Valkey; a fence that is already high enough is left alone.
REPEAT_FENCES_FOR = timedelta(minutes=10)


@system_task(name="apikeys.repeat_fences")
def repeat_fences() -> int:
    """Raise the fences of recent changes again, in case Valkey missed them or a failover has lost them."""
    changed = recently_changed(clock.now() - REPEAT_FENCES_FOR)
    told = 0
    for company_id, key_id, version in changed:
        try:
            fences.raise_now(fences.key_fence(company_id, key_id), version)
        except CommandRefused as error:
            # The value under this name is not a fence; the others can still be raised.
            set_aside.record_failure("apikeys.repeat_fences", ids.encode("key", key_id), error, row_id=key_id)
        except ValkeyUnavailable as error:
            log.warning("fences_not_repeated", keys=len(changed) - told, error=str(error))
            return 0
        else:
            told += 1
    return told


@system_task(name="apikeys.notify_expiry")
def notify_about_expiry() -> int:
    """Send notices about keys that expire soon or have expired."""
    return notices.notify_expiry(now=clock.now())


@system_task(name="apikeys.remind_rotation")
def remind_of_rotation() -> int:
    """Send reminders about secrets older than their rotation interval."""
    return notices.remind_rotation(now=clock.now())


@system_task(name="apikeys.evaluate_reports")
def evaluate_reports() -> int:
    """Evaluate the reports of exposed secrets."""
    return reports.evaluate_reports(now=clock.now())


@tenant_task(name="apikeys.notify_clamped_keys")
def notify_clamped_keys() -> int:
    """Notify a company whose limit was lowered which keys that affects."""
    return notices.notify_clamped_keys()
