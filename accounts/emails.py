"""Mails that accounts sends by itself; sign-up and password mails are django-allauth's."""

from accounts.links import link_of
from accounts.models import Invitation
from accounts.roles import Role
from core.mail.compose import send_mail


def send_invitation(*, invitation: Invitation, company_name: str, inviter_name: str, token: str) -> None:
    """Mail the link that accepts `invitation`, once the current transaction has committed."""
    send_mail(
        to=[invitation.email],
        subject="You are invited to a company on Pomelo",
        template="accounts/email/invitation",
        context={
            "company_name": company_name,
            "inviter_name": inviter_name,
            "role": Role(invitation.role).label.lower(),
            "expires": invitation.expires,
            "link": link_of(token),
        },
    )
