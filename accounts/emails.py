"""Emails sent by accounts. Sign-up and password emails are django-allauth's."""

from collections.abc import Sequence

from django.conf import settings

from accounts.links import link_of
from accounts.models import Invitation
from accounts.roles import Role
from core.mail.compose import send_mail


def mail_notice(
    *, to: Sequence[str], subject: str, text: str, company_name: str, page: str, label: str
) -> None:
    """Queue a one-paragraph email about the company to members. `page` is the path that the button `label` links to."""
    context = {
        "text": text,
        "company_name": company_name,
        "link": settings.PUBLIC_URL + page,
        "label": label,
    }
    send_mail(to=to, subject=subject, template="accounts/email/notice", context=context)


def send_invitation(*, invitation: Invitation, company_name: str, inviter_name: str, token: str) -> None:
    """Email the link that accepts `invitation`, once the current transaction has committed."""
    send_mail(
        to=[invitation.email],
        subject="You have been invited to a company on Pomelo",
        template="accounts/email/invitation",
        context={
            "company_name": company_name,
            "inviter_name": inviter_name,
            "role": Role(invitation.role).label.lower(),
            "expires": invitation.expires,
            "link": link_of(token),
        },
    )
