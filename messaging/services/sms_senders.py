"""SMS senders: a company requests a number or name with a reason, or is assigned one; staff decide. Also limits the destinations of
SMS.

Anyone with a key that may send SMS can make money with it, by sending to premium number ranges that pay their owner (toll fraud).
So SMS are only sent to countries that the company has enabled, and not to many numbers of one range within an hour.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

import phonenumbers
from django.conf import settings
from django.db.models import Count

from accounts.selectors import current_company, owner_emails
from billing.entitlements import current_limits
from core import clock
from core.errors import DomainError, FieldError, FieldErrors
from core.events import publish
from core.mail.decisions import mail_decision
from core.postgres.turns import take_turn
from core.principal import Principal
from core.tenancy import require_tenant
from messaging.channels import get_channel
from messaging.channels.base import Channel
from messaging.channels.sms import SENDER_FORM, clean_sender, country_of
from messaging.events import (
    SmsCountriesChanged,
    SmsSenderApproved,
    SmsSenderAssigned,
    SmsSenderClaimed,
    SmsSenderDeleted,
    SmsSenderRejected,
)
from messaging.models import Message, Recipient, SmsCountries, SmsSender
from messaging.providers.base import Target
from messaging.selectors import senders as selectors
from messaging.selectors.senders import Senders

# Numbers that differ only in their last four digits: one exchange, or one fraudster, owns them as a block.
RANGE_DIGITS = 4
RANGE_WINDOW = timedelta(hours=1)
# The limit per range and hour: this many recipients, or this share of the daily cap if that is more.
RANGE_LEAST, RANGE_SHARE = 20, 10
COUNTRIES = frozenset(str(region) for region in phonenumbers.SUPPORTED_REGIONS)


class SmsSenderExists(DomainError):
    """The company has asked for this sender before."""

    code = "sms_sender_exists"
    status = 409
    title = "This sender has already been requested"
    fix = "Wait for the decision, or remove the sender and request it again with another reason."


class TooManySmsSenders(DomainError):
    """The company has asked for as many SMS senders as it may have."""

    code = "too_many_sms_senders"
    status = 409
    title = "Sender limit reached"
    fix = "Remove one that is not used."


class SmsCountryOff(DomainError):
    """The company has not switched on SMS to the country of a recipient. Live messages only."""

    code = "sms_country_off"
    status = 403
    title = "SMS to this country are turned off"
    fix = "An owner or admin can turn countries on at Messages → Senders; `error.country` is the one that is off."
    page_fix = "An owner or admin can turn countries on at Messages → Senders."


class NumberRangeLimited(DomainError):
    """Too many SMS to numbers that differ in their last four digits only, within an hour: that is how toll fraud looks."""

    code = "number_range_limited"
    status = 429
    title = "Too many SMS to one range of numbers"
    fix = "Wait the number of seconds in `Retry-After`. If your customers really share a range, a higher daily cap raises this limit."
    page_fix = (
        "Try again later. If your customers really share a range, a higher daily cap raises this limit."
    )


def claim_sms_sender(*, actor: Principal, sender: str, reason: str) -> SmsSender:
    """Request a number or name. Raises FieldErrors, SmsSenderExists and TooManySmsSenders."""
    cleaned = _cleaned(sender)
    tenant = require_tenant()
    # Concurrent requests must neither both take the last place nor both add the same sender.
    take_turn(f"sms senders {tenant.company_id} {tenant.mode}")
    if SmsSender.objects.filter(sender_normalized=cleaned.lower()).exists():
        raise SmsSenderExists(f"{cleaned} has already been requested.", facts={"sender": cleaned})
    if SmsSender.objects.count() >= settings.SMS_SENDERS_PER_COMPANY:
        raise TooManySmsSenders(
            f"A company has at most {settings.SMS_SENDERS_PER_COMPANY} SMS senders in each mode."
        )
    row: SmsSender = SmsSender.objects.create(
        sender=cleaned, sender_normalized=cleaned.lower(), reason=reason
    )
    publish(
        SmsSenderClaimed(object_id=row.public_id, detail={"sender": cleaned, "reason": reason}), actor=actor
    )
    return row


def assign_sms_sender(*, sender: str, decision: str, actor: Principal) -> SmsSender:
    """Assign a number or name to the company, or approve the one it has requested. For staff.

    The company sees `decision`, and its owners are notified by email. Raises FieldErrors.
    """
    cleaned = _cleaned(sender)
    tenant = require_tenant()
    take_turn(f"sms senders {tenant.company_id} {tenant.mode}")
    now = clock.now()
    row, _ = SmsSender.objects.update_or_create(
        sender_normalized=cleaned.lower(),
        defaults={
            "sender": cleaned,
            "status": SmsSender.Status.APPROVED,
            "decision": decision,
            "decided_at": now,
            "updated": now,
        },
    )
    _mail_owners(row, "assigned")
    publish(
        SmsSenderAssigned(object_id=row.public_id, detail={"sender": cleaned, "reason": decision}),
        actor=actor,
    )
    return row


def decide_sms_sender(*, sender: SmsSender, is_approved: bool, decision: str, actor: Principal) -> SmsSender:
    """Approve, reject or revoke a sender; the company sees `decision`, and its owners are notified by email. For staff. Raises NotFound."""
    row = sender.locked()
    row.status = SmsSender.Status.APPROVED if is_approved else SmsSender.Status.REJECTED
    row.decision, row.decided_at, row.updated = decision, clock.now(), clock.now()
    row.save(update_fields=["status", "decision", "decided_at", "updated"])
    _mail_owners(row, row.status)
    event = SmsSenderApproved if is_approved else SmsSenderRejected
    publish(event(object_id=row.public_id, detail={"sender": row.sender, "reason": decision}), actor=actor)
    return row


def _mail_owners(row: SmsSender, what: str) -> None:
    """Queue the email that tells the company's owners about the decision, in the open transaction."""
    company = current_company()
    mail_decision(
        to=owner_emails(),
        subject=f"The SMS sender {row.sender} is {what}",
        text=f"The SMS sender {row.sender} of {company.name} is {what}.",
        reason=row.decision,
        company_name=company.name,
        page="/messages/senders/",
        label="Open the senders",
    )


def delete_sms_sender(*, sender: SmsSender, actor: Principal) -> None:
    """Remove a sender. Messages from it that are still queued fail with `sender_not_verified`. Raises NotFound."""
    public_id, name = sender.public_id, sender.sender
    sender.locked().delete()
    publish(SmsSenderDeleted(object_id=public_id, detail={"sender": name}), actor=actor)


def choose_countries(*, countries: Iterable[str], actor: Principal) -> SmsCountries:
    """Enable SMS to these countries (ISO 3166-1, two letters) and disable all others. Raises FieldErrors."""
    wanted = sorted(set(countries))
    if strange := [code for code in wanted if code not in COUNTRIES]:
        raise FieldErrors([FieldError("countries", "unknown_country", f"{strange[0]} is not a country.")])
    before = sorted(selectors.chosen_countries())
    row, _ = SmsCountries.objects.update_or_create(defaults={"countries": wanted, "updated": clock.now()})
    if before != wanted:
        changes = {"countries": [before, wanted]}
        publish(SmsCountriesChanged(object_id=str(require_tenant().mode), changes=changes), actor=actor)
    return row


def _cleaned(sender: str) -> str:
    cleaned = clean_sender(sender.strip())
    if cleaned is None:
        raise FieldErrors([FieldError("sender", "invalid_sender", SENDER_FORM)])
    return cleaned


def require_reachable(numbers: Sequence[str]) -> None:
    """Check that live SMS may be sent to `numbers` (E.164). Raises SmsCountryOff and NumberRangeLimited; does nothing in test mode."""
    if require_tenant().mode != "live":
        return
    _require_countries(numbers)
    _require_ranges(numbers)


def allowed_countries() -> frozenset[str]:
    """Return the countries that live SMS may be sent to: the selected ones, or, before any selection, those of the approved numbers."""
    return selectors.countries_of(SmsCountries.objects.first(), selectors.approved_sms_senders())


def refuse_country(
    message: Message, targets: Iterable[Target], way: Channel, senders: Senders
) -> tuple[str, str] | None:
    """Return why a live SMS must not be sent to `targets` (a code and a message), or None.

    Their country may have been disabled while it was queued: that must also stop what a thief has scheduled.
    """
    if message.mode != "live" or way.name != "sms":
        return None
    for target in targets:
        country = country_of(target.address)
        if country not in senders.countries:
            return (
                SmsCountryOff.code,
                f"SMS to {country or 'no country'} were turned off before it was sent.",
            )
    return None


def _require_countries(numbers: Sequence[str]) -> None:
    allowed = allowed_countries()
    for number in numbers:
        country = country_of(number)
        if country not in allowed:
            raise SmsCountryOff(
                f"{number} is a number of {country or 'no country'}, to which SMS are turned off.",
                facts={"country": country or None, "recipient": number},
            )


def _require_ranges(numbers: Sequence[str]) -> None:
    # Concurrent requests would each see an empty range: the company's SMS are counted one request at a time.
    take_turn(f"sms ranges {require_tenant().company_id}")
    limit = max(RANGE_LEAST, get_channel("sms").daily_cap(current_limits()) // RANGE_SHARE)
    since = clock.now() - RANGE_WINDOW
    for prefix, wanted in Counter(number[:-RANGE_DIGITS] for number in numbers).items():
        # A range of the address index: `LIKE` could not use it under row-level security.
        sent = Recipient.objects.filter(
            address_normalized__gte=prefix,
            address_normalized__lt=f"{prefix}a",  # sorts after every digit in any collation
            created__gte=since,
        ).aggregate(found=Count("id"))["found"]
        if sent + wanted > limit:
            raise NumberRangeLimited(
                f"{sent} SMS went to numbers that begin with {prefix} within the hour; the limit is {limit}.",
                facts={"prefix": prefix, "limit": limit},
                headers={"Retry-After": str(int(RANGE_WINDOW.total_seconds()))},
            )
