"""Reports of exposed secrets: accepted from anyone, evaluated in the background.

Neither the response nor its timing may reveal whether a secret exists, so receiving a report does the same for every
well-formed secret: it stores one encrypted row. A task looks the secret up, notifies the company, and revokes the secret if the
company's settings say so. A report must contain the whole secret, so anyone who can get a key revoked could also have used it.
"""

import re
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from accounts.selectors import current_company, owner_emails
from apikeys import hashers, keys, stores
from apikeys.emails import mail_notice
from apikeys.events import ApiKeyDeadSecretReported, ApiKeyExposed, UnknownSecretReported
from apikeys.models import MAX_PLACE_LENGTH, ApiKey, ApiKeySecret, LeakReport
from apikeys.representations import display_secret, represent_key
from apikeys.selectors import find_secret
from apikeys.services.editing import lock_key
from apikeys.services.revoking import UNDO_MINUTES, revoke_key
from apikeys.services.rotating import end_overlap
from apikeys.verification import is_secret_of
from core.api.errors import RateLimited
from core.api.throttling import LocalBuckets, RatePolicy, take_one
from core.background import jobs, set_aside
from core.errors import FieldError, FieldErrors, TemporarilyUnavailable
from core.events import publish, publish_unowned
from core.http.addresses import client_group
from core.mail.words import email_safe
from core.postgres.turns import take_turn
from core.principal import Principal
from core.security import crypto
from core.tenancy import system_context, tenant_context
from core.valkey.commands import ValkeyUnavailable
from core.values.redaction import redact

log = structlog.get_logger("pomelo.apikeys.reports")

REPORTS = RatePolicy("reports", 10)
# More pending reports than this mean a flood, or that the worker is down.
MAX_WAITING = 5000
MAX_PASTED_LENGTH = 4000
# Owners are notified of another report of the same working secret only after this time.
TELL_AGAIN_AFTER = timedelta(hours=24)
GIVE_UP_AFTER = timedelta(days=1)
BATCH = 500
BATCH_NAME = "apikeys.evaluate_reports"

_SECRET = re.compile(keys.SCANNER_PATTERN)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
_local = LocalBuckets()


def receive_report(*, pasted: str, place: str, reporter: Principal) -> None:
    """Accept a report of a found secret (or the line it was found in) and where it was found.

    Reveals nothing about whether the secret exists. Raises RateLimited (10 per minute and address), FieldErrors if the
    text contains no well-formed secret, TemporarilyUnavailable if too many reports are pending.
    """
    assert reporter.ip is not None
    _count(reporter.ip)
    secret = _find_secret_in(pasted)
    if len(place) > MAX_PLACE_LENGTH:
        raise FieldErrors([FieldError("found_at", "too_long", f"At most {MAX_PLACE_LENGTH} characters.")])
    with system_context(reason="a report of a secret whose company is not known yet"):
        take_turn("reports of found secrets")
        if LeakReport.objects.count() >= MAX_WAITING:
            raise TemporarilyUnavailable("Too many reports are waiting. Try again in a few minutes.")
        row = LeakReport(
            digest=crypto.mac("leak report", secret.encode("ascii")),
            secret=crypto.encrypt_text(secret),
            # The place may contain the secret too, for example if the whole line was pasted.
            place=redact(_CONTROL.sub(" ", place)).strip(),
            ip=reporter.ip,
            user_agent=_CONTROL.sub(" ", reporter.user_agent),
            request_id=reporter.request_id or "",
        )
        # A pending report of the same secret makes this one redundant.
        LeakReport.objects.bulk_create([row], ignore_conflicts=True)
        jobs.enqueue("apikeys.evaluate_reports")


def _count(ip: str) -> None:
    bucket = f"reports:{client_group(ip)}"
    try:
        admitted, used = take_one(bucket, REPORTS)
    except ValkeyUnavailable:
        admitted, (used,), _ = _local.take({bucket: REPORTS})
    if not admitted:
        raise RateLimited(
            "Too many reports came from this address.",
            facts={"policies": [REPORTS.name]},
            violated_policies=[REPORTS.name],
            headers={"Retry-After": str(REPORTS.retry_after(used))},
        )


def _find_secret_in(pasted: str) -> str:
    if len(pasted) > MAX_PASTED_LENGTH:
        raise FieldErrors([FieldError("secret", "too_long", f"At most {MAX_PASTED_LENGTH} characters.")])
    reason = "This text contains no secret: a secret starts with pm_live_ or pm_test_ and has 46 characters."
    for found in _SECRET.findall(pasted):
        try:
            return keys.parse(found).text
        except keys.MalformedSecret as error:
            reason = str(error)
    raise FieldErrors([FieldError("secret", "malformed", reason)])


def evaluate_reports(*, now: datetime) -> int:
    """Evaluate the pending reports and apply each company's setting. Returns how many were evaluated.

    A secret that cannot be verified now (Vault down, bcrypt busy) is retried in later runs, for at most a day.
    """
    with system_context(reason="reported secrets that wait"):
        late = LeakReport.objects.filter(received__lt=now - GIVE_UP_AFTER)
        if given_up := late.delete()[0]:
            log.error("leak_reports_given_up", count=given_up)
        reports = LeakReport.objects.exclude(id__in=set_aside.resting(BATCH_NAME, now=now)).order_by("id")
        waiting = list(reports.values_list("id", flat=True)[:BATCH])
    evaluated = 0

    def evaluate(report_id: UUID) -> None:
        nonlocal evaluated
        try:
            evaluated += _evaluate_one(report_id, now=now)
        except (stores.StoreUnavailable, hashers.HasherBusy) as error:
            log.warning("leak_report_postponed", reason=type(error).__name__)

    set_aside.each(BATCH_NAME, waiting, evaluate, identify=lambda report_id: (str(report_id), report_id))
    return evaluated


def _evaluate_one(report_id: UUID, *, now: datetime) -> bool:
    """Evaluate a report and delete it, in one transaction. Returns False if another worker has it.

    The secret is verified before the transaction: hashing is slow by design, and Vault is a network call.
    """
    with system_context(reason="a reported secret, before its company is known"):
        waiting = LeakReport.objects.filter(id=report_id).first()
    if waiting is None:
        return False
    secret = _secret_of(waiting)
    found = find_secret(secret.locator) if secret is not None else None
    if secret is not None and found is not None and not is_secret_of(secret.text, found):
        found = None
    with system_context(reason="a reported secret that was looked up"):
        report = LeakReport.objects.select_for_update(skip_locked=True).filter(id=report_id).first()
        if report is None:
            return False
        if secret is not None:
            _evaluate(report, secret, found, now=now)
        report.delete()
    return True


def _secret_of(report: LeakReport) -> keys.ParsedSecret | None:
    """Return the reported secret; None if its encryption key is no longer configured."""
    try:
        return keys.parse(crypto.decrypt_text(report.secret))
    except crypto.Undecryptable:
        log.warning("leak_report_undecryptable", received=report.received.isoformat())
        return None


def _evaluate(
    report: LeakReport, secret: keys.ParsedSecret, row: ApiKeySecret | None, *, now: datetime
) -> None:
    actor = Principal(
        kind="system",
        id="apikeys.evaluate_reports",
        name="report of a found secret",
        ip=report.ip,
        user_agent=report.user_agent,
        request_id=report.request_id or None,
    )
    if row is None:
        publish_unowned(
            UnknownSecretReported(
                object_id="", detail={"shown_as": secret.display, "found_at": report.place}
            ),
            actor=actor,
        )
        return
    with tenant_context(row.tenant):
        _act_on_report(row, report, actor=actor, now=now)


def _act_on_report(found: ApiKeySecret, report: LeakReport, *, actor: Principal, now: datetime) -> None:
    """Record that a secret of the current tenant was found, notify the owners, and revoke it if their settings say so."""
    key = lock_key(found.key_id)
    row = ApiKeySecret.objects.get(id=found.id)
    facts = {"shown_as": display_secret(row), "found_at": report.place, "reported_from": report.ip}
    works = _is_working(key, row, now)
    if row.reported_at is not None:
        # A secret may become active again (a later expiry, an undone revocation): reports made while it was dead do not count.
        recently = row.reported_at > now - TELL_AGAIN_AFTER and not row.reported_dead
        if recently or not works:
            return
    row.reported_at, row.reported_from, row.reported_place = now, report.ip, report.place
    row.reported_dead = not works
    row.save(update_fields=["reported_at", "reported_from", "reported_place", "reported_dead"])
    if not works:
        publish(ApiKeyDeadSecretReported(object_id=key.public_id, detail=facts), actor=actor)
        return
    action = _action(key, row)
    if key.kind == ApiKey.Kind.SERVER and action != "secret_ended":
        key.leaked_at, key.leak_detail = (
            now,
            f"Its secret was found in public and reported from {report.ip}.",
        )
        key.save(update_fields=["leaked_at", "leak_detail"])
    publish(
        ApiKeyExposed(object_id=key.public_id, object=represent_key(key), detail={**facts, "action": action}),
        actor=actor,
    )
    if action == "secret_ended":
        end_overlap(key=key, actor=actor)
    elif action == "revoked":
        revoke_key(key=key, actor=actor, reason=ApiKey.RevocationReason.REPORTED)
    _mail(key, row, action, now)


def _is_working(key: ApiKey, row: ApiKeySecret, now: datetime) -> bool:
    return (
        key.revoked_at is None
        and row.revoked_at is None
        and (key.expires_at is None or key.expires_at > now)
        and (row.ends_at is None or row.ends_at > now)
    )


def _action(key: ApiKey, row: ApiKeySecret) -> str:
    """The effect of reporting a working secret: `none`, `secret_ended` (the old one of a rotation) or `revoked`.

    A browser key's secret is public by design, so a report must not stop it.
    """
    if (
        key.kind == ApiKey.Kind.BROWSER
        or row.report_overruled_at is not None
        or not current_company().revoke_reported_keys
    ):
        return "none"
    return "secret_ended" if row.ends_at is not None else "revoked"


def _mail(key: ApiKey, row: ApiKeySecret, action: str, now: datetime) -> None:
    # The place is untrusted input: it is shown on the key's page as plain text, and never in an email as a link.
    what_was_done = (
        f"Someone found the secret {display_secret(row)} and reported it on {now:%d %b %Y, %H:%M} UTC from "
        f"{row.reported_from}. They had the whole secret."
    )
    told = {
        "revoked": "The key was revoked immediately, as your settings say. Create a new key for the "
        "integration, and review the requests of this one. If something critical has stopped, an owner can undo the revocation until "
        f"{now + timedelta(minutes=UNDO_MINUTES):%H:%M} UTC; then rotate the key right after.",
        "secret_ended": "It was the old secret of a rotation, so it was ended immediately; the new one keeps "
        "working. Review the key's recent requests.",
        "none": "The key keeps working. Rotate it now without an overlap, and review its recent requests.",
    }
    text = told[action]
    if key.kind == ApiKey.Kind.BROWSER:
        text = (
            "It belongs to a browser key, which anyone who opens your page can read, so it keeps working. If it was found "
            "anywhere else, or can write or send, rotate it."
        )
    stopped = {
        "revoked": "was revoked",
        "secret_ended": "lost its old secret",
        "none": "was reported as leaked",
    }
    mail_notice(
        key=key,
        recipients=owner_emails(),
        subject=f"The API key {email_safe(key.name)} {stopped[action]}",
        text=f"{what_was_done} {text}",
    )
