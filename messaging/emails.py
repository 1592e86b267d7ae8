"""Tells a company's owners that the DNS records of a sender's domain are gone."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from core.mail.compose import send_mail
from messaging.models import SenderDomain


def mail_domain_notice(
    *,
    domain: SenderDomain,
    recipients: Sequence[str],
    company_name: str,
    has_lapsed: bool,
    lapses_at: datetime,
) -> None:
    """Queue the mail, in the transaction that is open: mail from the domain will end at `lapses_at`, or has ended."""
    what = "Mail no longer comes from" if has_lapsed else "Records are missing for"
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
