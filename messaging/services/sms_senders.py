"""SMS senders: a company claims a number or a name with its reason, or is given one; staff decide. And where SMS may go.

Whoever has a key that may send SMS can make money with it: by sending to dear ranges of numbers that pay their owner (toll fraud). So
SMS go to the countries that a company has switched on, and not to many numbers of one range within the hour.
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

# Numbers that share all but their last four digits: what one exchange, or one fraudster, has in a row.
RANGE_DIGITS = 4
RANGE_WINDOW = timedelta(hours=1)
# Of such a range within the hour: so many recipients, or this share of the day's cap where that is more.
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
    """Ask for a number or name. Raises FieldErrors, SmsSenderExists and TooManySmsSenders."""
    cleaned = _cleaned(sender)
    tenant = require_tenant()
    # Two at once must neither both take the last place nor both ask for the same sender.
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
    """Give the company a number or name, or approve the one that it has asked for. For staff.

    `decision` is what the company reads, its owners by mail. Raises FieldErrors.
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
    """Approve a sender, reject it, or take it back; `decision` is what the company reads, its owners by mail. For staff. Raises NotFound."""
    row = sender.locked()
    row.status = SmsSender.Status.APPROVED if is_approved else SmsSender.Status.REJECTED
    row.decision, row.decided_at, row.updated = decision, clock.now(), clock.now()
    row.save(update_fields=["status", "decision", "decided_at", "updated"])
    _mail_owners(row, row.status)
    event = SmsSenderApproved if is_approved else SmsSenderRejected
    publish(event(object_id=row.public_id, detail={"sender": row.sender, "reason": decision}), actor=actor)
    return row


def _mail_owners(row: SmsSender, what: str) -> None:
    """Queue the mail that tells the company's owners what staff have decided, in the transaction that is open."""
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
    """Remove a sender. Messages from it that still wait fail with `sender_not_verified`. Raises NotFound."""
    public_id, name = sender.public_id, sender.sender
    sender.locked().delete()
    publish(SmsSenderDeleted(object_id=public_id, detail={"sender": name}), actor=actor)


def choose_countries(*, countries: Iterable[str], actor: Principal) -> SmsCountries:
    """Switch SMS on for these countries (ISO 3166-1, two letters) and off for all others. Raises FieldErrors."""
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
    """Let live SMS go to `numbers` (E.164). Raises SmsCountryOff and NumberRangeLimited; nothing in test mode."""
    if require_tenant().mode != "live":
        return
    _require_countries(numbers)
    _require_ranges(numbers)


def allowed_countries() -> frozenset[str]:
    """Return the countries that live SMS may go to: those that were chosen; before, those of the approved numbers."""
    return selectors.countries_of(SmsCountries.objects.first(), selectors.approved_sms_senders())


def refuse_country(
    message: Message, targets: Iterable[Target], way: Channel, senders: Senders
) -> tuple[str, str] | None:
    """Return why a live SMS may not be handed over for `targets` (a code, and what people read), or None when it may.

    Their country may have been switched off while it waited: whoever does so means what a thief has scheduled too.
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
    # Many at once would each see the range empty: no other SMS of the company is counted until these are there to be counted.
    take_turn(f"sms ranges {require_tenant().company_id}")
    limit = max(RANGE_LEAST, get_channel("sms").daily_cap(current_limits()) // RANGE_SHARE)
    since = clock.now() - RANGE_WINDOW
    for prefix, wanted in Counter(number[:-RANGE_DIGITS] for number in numbers).items():
        # A range of the index on addresses: `LIKE` could not use it under row-level security.
        sent = Recipient.objects.filter(
            address_normalized__gte=prefix,
            address_normalized__lt=f"{prefix}a",  # after every digit, whatever the collation
            created__gte=since,
        ).aggregate(found=Count("id"))["found"]
        if sent + wanted > limit:
            raise NumberRangeLimited(
                f"{sent} SMS went to numbers that begin with {prefix} within the hour; the limit is {limit}.",
                facts={"prefix": prefix, "limit": limit},
                headers={"Retry-After": str(int(RANGE_WINDOW.total_seconds()))},
            )
