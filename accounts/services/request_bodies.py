"""A company's choice to have bodies of requests kept for the request log: in test mode until it ends, in live mode for a day."""

from datetime import datetime, timedelta

from django.db.models import F

from accounts.events import RequestBodiesChanged
from accounts.models import Company
from accounts.services.companies import make_grants_stale
from core import clock
from core.events import publish
from core.principal import Mode, Principal
from core.values.changes import apply_changes, as_recorded, changed_fields

# How long the choice lasts in live mode.
LIVE_BODIES_LAST = timedelta(hours=24)


def keep_bodies(*, company: Company, mode: Mode, actor: Principal) -> Company:
    """Keep bodies of requests in `mode` from now on, in live mode for 24 hours. Those that are kept already stay."""
    now = clock.now()
    company = _locked(company)
    since, _ = company.bodies_period(mode)
    return _save(company, mode, since or now, now + LIVE_BODIES_LAST if mode == "live" else None, actor=actor)


def stop_keeping_bodies(*, company: Company, mode: Mode, delete: bool, actor: Principal) -> Company:
    """Keep no more bodies of requests in `mode`. With `delete`, none that were kept are shown any more.

    Their rows are removed by audit.services.
    """
    now = clock.now()
    company = _locked(company)
    since, until = company.bodies_period(mode)
    if delete:
        return _save(company, mode, None, None, actor=actor)
    if since is None or (until is not None and until <= now):
        return company
    return _save(company, mode, since, max(now, since), actor=actor)


def are_kept(company: Company, mode: Mode, now: datetime) -> bool:
    """Return whether bodies of requests in `mode` are kept at `now`."""
    since, until = company.bodies_period(mode)
    return since is not None and (until is None or now < until)


def _locked(company: Company) -> Company:
    return Company.objects.select_for_update(no_key=True).get(id=company.id)


def _save(
    company: Company, mode: Mode, since: datetime | None, until: datetime | None, *, actor: Principal
) -> Company:
    wanted = {f"{mode}_bodies_from": since, f"{mode}_bodies_until": until}
    changed = changed_fields(company, wanted)
    if not changed:
        return company
    apply_changes(company, changed)
    company.version = F("version") + 1
    company.save(update_fields=[*changed, "version"])
    make_grants_stale(company)
    publish(RequestBodiesChanged(object_id=company.public_id, changes=as_recorded(changed)), actor=actor)
    return company
