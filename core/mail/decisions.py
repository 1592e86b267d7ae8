"""The mail that tells a company what those who run the platform have decided, and why."""

from collections.abc import Sequence

from django.conf import settings

from core.mail.compose import send_mail


def mail_decision(
    *, to: Sequence[str], subject: str, text: str, reason: str, company_name: str, page: str, label: str
) -> None:
    """Queue the mail in the transaction that is open. `page` is a path of ours, `label` what its button says."""
    send_mail(
        to=to,
        subject=subject,
        template="email/decision",
        context={
            "text": text,
            "reason": reason,
            "company_name": company_name,
            "link": settings.PUBLIC_URL + page,
            "label": label,
        },
    )
