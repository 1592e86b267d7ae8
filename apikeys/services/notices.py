"""Notices to the owners of a key: about to expire, expired, due for rotation, exposed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q

from accounts.selectors import owner_emails
from apikeys.emails import mail_notice
from apikeys.events import ApiKeyExpired, ApiKeyExpiring, ApiKeyExposed, ApiKeyRotationDue
from apikeys.models import ApiKey
from apikeys.representations import represent_key
from apikeys.services.editing import lock_key
from billing.entitlements import entitlements_of
from core.background import set_aside
from core.errors import NotFound
from core.events import publish
from core.mail.words import email_safe
from core.principal import Principal
from core.tenancy import Tenant, require_tenant, system_context, tenant_context

# Stages of `ApiKey.expiry_notice_days`: a week before, on the day, expired.
WEEK_BEFORE, ON_THE_DAY, OVER = 7, 1, 0
REMIND_AGAIN_AFTER = timedelta(days=30)
EXPOSED_AGAIN_AFTER = timedelta(hours=1)
BATCH = 500


def expiry_stage(expires_at: datetime, now: datetime) -> int | None:
    """Which notice an expiry calls for at `now`; None if none is due yet."""
    left = expires_at - now
    if left <= timedelta(0):
        return OVER
    if left <= timedelta(days=ON_THE_DAY):
        return ON_THE_DAY
    return WEEK_BEFORE if left <= timedelta(days=WEEK_BEFORE) else None


def notify_expiry(*, now: datetime) -> int:
    """Send a notice for every key that has reached a new stage of its expiry. Returns how many were sent."""
    due = Q(expires_at__lte=now + timedelta(days=WEEK_BEFORE), revoked_at=None) & (
        Q(expiry_notice_days=None)
        | Q(expiry_notice_days__gt=ON_THE_DAY, expires_at__lte=now + timedelta(days=ON_THE_DAY))
        | Q(expiry_notice_days__gt=OVER, expires_at__lte=now)
    )
    return _for_each("apikeys.notify_expiry", due, _notify_expiry, now=now)


def _notify_expiry(key: ApiKey, *, now: datetime) -> None:
    assert key.expires_at is not None
    stage = expiry_stage(key.expires_at, now)
    if stage is None or (key.expiry_notice_days is not None and key.expiry_notice_days <= stage):
        return
    key.expiry_notice_days = stage
    key.save(update_fields=["expiry_notice_days"])
    actor = Principal.system("apikeys.notify_expiry")
    event = ApiKeyExpired if stage == OVER else ApiKeyExpiring
    publish(event(object_id=key.public_id, object=represent_key(key)), actor=actor)
    when = key.expires_at.strftime("%d %b %Y, %H:%M UTC")
    if stage == OVER:
        _mail(key, f"The API key {email_safe(key.name)} has expired", f"It stopped working on {when}.")
    else:
        text = f"It stops working on {when}. Set a later expiry, or create a replacement in time."
        today = key.expires_at.date() == now.date()
        within = "today" if today else "within a day" if stage == ON_THE_DAY else "soon"
        _mail(key, f"The API key {email_safe(key.name)} expires {within}", text)


def remind_rotation(*, now: datetime) -> int:
    """Send a reminder for every key whose rotation is due, repeated every 30 days. Returns how many were sent."""
    due = (
        Q(revoked_at=None, rotation_days__isnull=False)
        & (Q(expires_at=None) | Q(expires_at__gt=now))
        & Q(rotated_at__lte=now - F("rotation_days") * timedelta(days=1))
        & (Q(rotation_reminded_at=None) | Q(rotation_reminded_at__lte=now - REMIND_AGAIN_AFTER))
    )
    return _for_each("apikeys.remind_rotation", due, _remind_rotation, now=now)


def _remind_rotation(key: ApiKey, *, now: datetime) -> None:
    if key.rotation_reminded_at is not None and key.rotation_reminded_at > now - REMIND_AGAIN_AFTER:
        return
    key.rotation_reminded_at = now
    key.save(update_fields=["rotation_reminded_at"])
    age = (now - key.rotated_at).days
    publish(
        ApiKeyRotationDue(object_id=key.public_id, object=represent_key(key), detail={"age_days": age}),
        actor=Principal.system("apikeys.remind_rotation"),
    )
    text = f"Its secret is {age} days old. Rotate it with an overlap: both secrets work until you are done."
    _mail(key, f"Time to rotate the API key {email_safe(key.name)}", text)


def report_exposure(*, key_id: UUID, how: str, actor: Principal, now: datetime) -> bool:
    """Record that a working secret was exposed and notify the owners, at most once an hour.

    Returns whether it was recorded this time. The key keeps working: otherwise anyone who can read the secret could stop a
    company's production. Raises NotFound.
    """
    locked = lock_key(key_id)
    if locked.leaked_at is not None and locked.leaked_at > now - EXPOSED_AGAIN_AFTER:
        return False
    locked.leaked_at, locked.leak_detail = now, how
    locked.save(update_fields=["leaked_at", "leak_detail"])
    publish(
        ApiKeyExposed(object_id=locked.public_id, object=represent_key(locked), detail={"how": how}),
        actor=actor,
    )
    text = f"{how} Rotate it now, and review the key's recent requests."
    _mail(locked, f"The API key {email_safe(locked.name)} has been exposed", text)
    return True


def notify_clamped_keys() -> int:
    """Notify the current company's owners of keys whose limit now exceeds its tier's. Returns how many there are.

    The keys keep their own limits, which apply again in a higher tier.
    """
    company_id = require_tenant().company_id
    limit = entitlements_of(company_id).limits.requests_per_minute
    clamped: list[ApiKey] = []
    for mode in ("live", "test"):
        with tenant_context(Tenant(company_id, mode)):
            clamped += ApiKey.objects.filter(revoked_at=None, rate_limit__gt=limit).order_by("id")
    if clamped:
        names = ", ".join(
            f"{email_safe(key.name)} ({key.mode}, {key.rate_limit} a minute)" for key in clamped
        )
        mail_notice(
            key=clamped[0],
            recipients=owner_emails(),
            subject="Some API keys are now limited by your plan",
            text=f"Your plan allows {limit} requests a minute. These keys are set higher and are capped at that: {names}.",
        )
    return len(clamped)


def _for_each(batch: str, due: Q, notify: Callable[..., None], *, now: datetime) -> int:
    """Call `notify` for every due key, locked in a transaction of its tenant. A key that fails is set aside."""
    with system_context(reason=f"sweep: {batch}"):
        keys = ApiKey.objects.filter(due).exclude(id__in=set_aside.resting(batch, now=now))
        found = list(keys.order_by("id")[:BATCH])

    def notify_one(key: ApiKey) -> None:
        with tenant_context(key.tenant):
            try:
                locked = lock_key(key.id)
            except NotFound:
                return
            if locked.revoked_at is None:
                notify(locked, now=now)

    return set_aside.each(batch, found, notify_one, identify=lambda key: (key.public_id, key.id))


def _mail(key: ApiKey, subject: str, text: str) -> None:
    mail_notice(key=key, recipients=owner_emails(), subject=subject, text=text)
