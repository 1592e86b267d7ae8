"""The email that tells a company what the platform's staff have decided, and why."""

from collections.abc import Sequence

from django.conf import settings

from core.mail.compose import send_mail


def mail_decision(
    *, to: Sequence[str], subject: str, text: str, reason: str, company_name: str, page: str, label: str
) -> None:
    """Queue the email in the current transaction. `page` is the path its button links to, `label` the button's text."""
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
