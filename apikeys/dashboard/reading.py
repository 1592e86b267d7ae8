"""The list of keys and the page of one key."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from accounts.selectors import list_members
from apikeys import advisor
from apikeys.dashboard.forms import KeyFilterForm
from apikeys.dashboard.history import history_of
from apikeys.deprecations import keys_that_still_use, still_used
from apikeys.models import ApiKey, ApiKeySecret
from apikeys.policy import KeyPolicy, key_violations, policy_of, violating_keys
from apikeys.representations import display_secret
from apikeys.selectors import EXPIRES_SOON, KeyFilter, find_keys, get_key, scope_uses
from apikeys.services import UNDO_MINUTES, can_restore, check_rotate, objects_created_by_key
from billing.entitlements import limits_of
from core import clock
from core.api.scopes import SCOPES
from core.errors import is_allowed
from core.ui.lists import paginate_list
from core.ui.sparklines import sparkline

SPARK_DAYS = 14
COLUMNS = {name: name for name in ("name", "last_used_at", "expires_at")}
MOST_COUNTED = 1000


@company_page()
@require_safe
def list_page(request: CompanyRequest) -> HttpResponse:
    """The company's keys in the current mode that match the filters, with their usage."""
    now = clock.now()
    member_ids = frozenset(member.user.public_id for member in list_members())
    form = KeyFilterForm(request.GET)
    policy = policy_of(request.membership.company)
    against = violating_keys(policy)
    found = find_keys(form.chosen(), now=now, member_ids=member_ids, against_policy=against)
    breaking = find_keys(
        KeyFilter(state="against_policy"), now=now, member_ids=member_ids, against_policy=against
    )
    page = paginate_list(found, request, columns=COLUMNS)
    # The log belongs to an app that must not be imported here, so a setting names the reader.
    days = import_string(settings.KEY_DAYS)([key.id for key in page.items], days=SPARK_DAYS, today=now.date())
    count = found.order_by()[: MOST_COUNTED + 1].count()
    behind = keys_that_still_use(page.items, now)
    context = {
        "rows": [
            _row(key, now, member_ids, days[key.id], policy, is_behind=key.id in behind) for key in page.items
        ],
        "against_policy": breaking.order_by().count(),
        "page": page,
        "form": form,
        "count": f"{MOST_COUNTED:,}+" if count > MOST_COUNTED else f"{count:,}",
        "may_edit": at_least(request.membership.role, Role.DEVELOPER),
        "actions": _bulk_actions(request),
        "unused": sum(
            1 for key in page.items if status_of(key, now) == "active" and advisor.unused_for(key, now)
        ),
    }
    return render(request, "apikeys/list.html", context)


def _bulk_actions(request: CompanyRequest) -> list[dict[str, str]]:
    """Return the actions available for selected keys."""
    actions = [
        {"label": "Rotate", "icon": "rotate", "url": reverse("apikeys:rotate_selected")},
        {
            "label": "Revoke",
            "icon": "trash",
            "url": reverse("apikeys:revoke_selected"),
            "tone": "danger-quiet",
        },
    ]
    if request.GET.get("state") == "revoked" and at_least(request.membership.role, Role.OWNER):
        actions.append({"label": "Undo", "url": reverse("apikeys:restore_selected")})
    return actions


def status_of(key: ApiKey, now: datetime) -> str:
    """`active`, `rotating` (two secrets work), `expired` or `revoked`. The key's secrets must be prefetched."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    if any(_state_of_secret(key, secret, now) == "rotating" for secret in key.secrets.all()):
        return "rotating"
    return "active"


def _state_of_secret(key: ApiKey, secret: ApiKeySecret, now: datetime) -> str:
    """The state of a secret, which never outlives its key."""
    if secret.revoked_at is not None or key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    if secret.ends_at is None:
        return "active"
    return "rotating" if secret.ends_at > now else "expired"


def _row(
    key: ApiKey,
    now: datetime,
    member_ids: Collection[str],
    days: Sequence[int],
    policy: KeyPolicy,
    *,
    is_behind: bool,
) -> dict[str, Any]:
    status = status_of(key, now)
    notes = []
    if status in ("active", "rotating"):
        if key.expires_at is not None and key.expires_at - now <= EXPIRES_SOON:
            notes.append({"text": "expires soon", "tone": "warn"})
        if advisor.rotation_state(key, now).is_due:
            notes.append({"text": "rotation due", "tone": "warn"})
        quiet = advisor.unused_for(key, now)
        if quiet is not None:
            long = quiet >= advisor.LONG_UNUSED_AFTER
            notes.append({"text": f"unused {90 if long else 30} days", "tone": "warn" if long else "muted"})
        if is_behind:
            notes.append({"text": "uses deprecated features", "tone": "warn"})
        if is_orphaned(key, member_ids):
            notes.append({"text": "creator has left", "tone": "warn"})
        if key_violations(policy, key):
            notes.append({"text": "violates policy", "tone": "warn"})
    if key.leaked_at is not None:
        notes.append({"text": "leaked", "tone": "danger"})
    if _reported(key.secrets.all(), now):
        notes.append({"text": "reported", "tone": "danger"})
    newest = key.secrets.all()[0]
    spoken = f"{sum(days):,} requests in {SPARK_DAYS} days"
    return {
        "key": key,
        "status": status,
        "masked": display_secret(newest),
        "notes": notes,
        "spark": sparkline(days, spoken=spoken),
        "requests": sum(days),
    }


def is_orphaned(key: ApiKey, member_ids: Collection[str]) -> bool:
    """Whether the key's creator is no longer a member, so that perhaps nobody knows what it is for."""
    return key.created_by.startswith("usr_") and key.created_by not in member_ids


def _reported(secrets: Iterable[ApiKeySecret], now: datetime) -> list[ApiKeySecret]:
    """Return the secrets that were reported as exposed and have not been replaced since."""
    return [secret for secret in secrets if secret.reported_at is not None and not _is_replaced(secret, now)]


def _is_replaced(secret: ApiKeySecret, now: datetime) -> bool:
    return secret.revoked_at is not None or (secret.ends_at is not None and secret.ends_at <= now)


@company_page()
@require_safe
def detail_page(request: CompanyRequest, client_id: str) -> HttpResponse:
    """One key: its secrets and their use, restrictions and advice."""
    now = clock.now()
    key = get_key(client_id)
    uses = scope_uses(key)
    secrets = list(key.secrets.all())
    may_edit = at_least(request.membership.role, Role.DEVELOPER)
    working = [secret for secret in secrets if _state_of_secret(key, secret, now) in ("active", "rotating")]
    context = {
        "key": key,
        "status": status_of(key, now),
        "may_edit": may_edit,
        "may_rotate": may_edit and is_allowed(check_rotate, key, request.principal),
        "may_undo": can_restore(key) and at_least(request.membership.role, Role.OWNER),
        "undo_until": key.revoked_at + timedelta(minutes=UNDO_MINUTES) if key.revoked_at else None,
        "secrets": [_secret_row(key, secret, working, now) for secret in secrets],
        "reports": [
            {"secret": secret, "masked": display_secret(secret)} for secret in _reported(secrets, now)
        ],
        "revoked_by_report": key.revocation_reason == ApiKey.RevocationReason.REPORTED,
        "advice": [_advice_row(key, item) for item in advisor.advise(key, working, uses, now)],
        "scopes": [{"scope": SCOPES[name], "last_used_at": uses.get(name)} for name in key.scopes],
        "rotation": advisor.rotation_state(key, now),
        "history": history_of(key, secrets),
        "against_policy": key_violations(policy_of(request.membership.company), key) if working else [],
        "plan_limit": limits_of(request.membership.company).requests_per_minute,
        "made": objects_created_by_key(key),
        "deprecated": still_used(key, now),
        "is_orphaned": is_orphaned(key, [member.user.public_id for member in list_members()]),
    }
    return render(request, "apikeys/detail.html", context)


def _secret_row(
    key: ApiKey, secret: ApiKeySecret, working: list[ApiKeySecret], now: datetime
) -> dict[str, Any]:
    state = _state_of_secret(key, secret, now)
    verdict = advisor.retirement_verdict(secret, working, now).title if state == "rotating" else ""
    return {
        "secret": secret,
        "masked": display_secret(secret),
        "state": state,
        "verdict": verdict,
        "is_old": secret.ends_at is not None,
    }


_ACTIONS = {
    "edit": ("Edit", "apikeys:edit"),
    "rotate": ("Rotate", "apikeys:rotate"),
    "revoke": ("Revoke", "apikeys:revoke"),
}


def _advice_row(key: ApiKey, item: advisor.Advice) -> dict[str, Any]:
    label, url_name = _ACTIONS.get(item.action, ("", ""))
    return {
        "title": item.title,
        "text": item.text,
        "tone": item.tone,
        "action_label": label,
        "action_url": reverse(url_name, args=[key.public_id]) if url_name else "",
    }
