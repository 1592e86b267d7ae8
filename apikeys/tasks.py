"""Background work on keys, all of it started by beat."""

from datetime import timedelta

import structlog

from apikeys.selectors import recently_changed
from apikeys.services import notices, reports
from core import clock, fences
from core.jobs import system_task, tenant_task
from core.valkey import ValkeyUnavailable

log = structlog.get_logger("pomelo.apikeys.tasks")

# Long enough for a failover or an outage of Valkey; a fence that is already high enough is left alone.
REPEAT_FENCES_FOR = timedelta(minutes=10)


@system_task(name="apikeys.repeat_fences")
def repeat_fences() -> int:
    """Raise again the fences of recent changes: of those Valkey could not be told, or that a failover has lost."""
    changed = recently_changed(clock.now() - REPEAT_FENCES_FOR)
    try:
        for company_id, key_id, version in changed:
            fences.raise_now(fences.key_fence(company_id, key_id), version)
    except ValkeyUnavailable as error:
        log.warning("fences_not_repeated", keys=len(changed), error=str(error))
        return 0
    return len(changed)


@system_task(name="apikeys.notify_expiry")
def notify_about_expiry() -> int:
    """Warn of keys that expire, and tell of those that have."""
    return notices.notify_expiry(now=clock.now())


@system_task(name="apikeys.remind_rotation")
def remind_of_rotation() -> int:
    """Remind of secrets older than their rotation interval."""
    return notices.remind_rotation(now=clock.now())


@system_task(name="apikeys.judge_reports")
def judge_reports() -> int:
    """Look up the secrets that were reported as found."""
    return reports.judge_reports(now=clock.now())


@tenant_task(name="apikeys.tell_clamped_keys")
def tell_clamped_keys() -> int:
    """A company's limit became lower: tell it which keys that touches."""
    return notices.tell_clamped_keys()
