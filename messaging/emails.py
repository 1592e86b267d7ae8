"""Notifies a company's owners of limits to its sending: missing DNS records, a bad reputation, a used up cap."""

from collections.abc import Sequence
from datetime import date, datetime

from django.conf import settings
from django.urls import reverse

from core.mail.compose import send_mail
from messaging.models import Reputation, SenderDomain


def mail_domain_notice(
    *,
    domain: SenderDomain,
    recipients: Sequence[str],
    company_name: str,
    has_lapsed: bool,
    lapses_at: datetime,
) -> None:
    """Queue the email about a domain that will lapse at `lapses_at`, or has lapsed, in the open transaction."""
    what = "Mail can no longer be sent from" if has_lapsed else "Records are missing for"
    send_mail(
        to=recipients,
        subject=f"{what} {domain.domain}",
        template="messaging/email/domain",
        context={
            "company_name": company_name,
            "domain": domain,
            "has_lapsed": has_lapsed,
            "lapses_at": lapses_at,
            "link": settings.PUBLIC_URL + reverse("messaging:sender_domain", args=[domain.public_id]),
        },
    )


def mail_reputation_notice(*, reputation: Reputation, recipients: Sequence[str], company_name: str) -> None:
    """Queue the email that tells owners that their email is slowed or paused, in the open transaction."""
    is_paused = reputation.state == Reputation.State.PAUSED
    send_mail(
        to=recipients,
        subject="Email sending is paused" if is_paused else "Email sending is slowed",
        template="messaging/email/reputation",
        context={
            "company_name": company_name,
            "is_paused": is_paused,
            "bounces": f"{reputation.bounce_rate:.1%}",
            "complaints": f"{reputation.complaint_rate:.2%}",
            "link": settings.PUBLIC_URL + reverse("messaging:senders"),
        },
    )


def mail_spend_notice(
    *, day: date, spent: str, cap: str, is_used_up: bool, recipients: Sequence[str], company_name: str
) -> None:
    """Queue the email about the cost of a UTC day's SMS, in the open transaction. Amounts are strings."""
    send_mail(
        to=recipients,
        subject="SMS spend has reached its daily cap"
        if is_used_up
        else "SMS spend is close to its daily cap",
        template="messaging/email/spend",
        context={
            "company_name": company_name,
            "is_used_up": is_used_up,
            "day": f"{day.day} {day:%b %Y}",
            "spent": spent,
            "cap": cap,
            "link": settings.PUBLIC_URL + reverse("messaging:senders"),
        },
    )
