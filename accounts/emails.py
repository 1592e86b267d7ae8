"""Mails that accounts sends by itself; sign-up and password mails are django-allauth's."""

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Invitation
from accounts.roles import Role


def send_invitation(*, invitation: Invitation, company_name: str, inviter_name: str, token: str) -> None:
    """Mail the link that accepts `invitation`. Raises what the mail backend raises (OSError, SMTPException)."""
    context = {
        "company_name": company_name,
        "inviter_name": inviter_name,
        "role": Role(invitation.role).label.lower(),
        "expires": invitation.expires,
        "link": settings.PUBLIC_URL + reverse("accounts:accept_invitation", args=[token]),
    }
    message = EmailMultiAlternatives(
        subject=f"{inviter_name} invited you to {company_name} on Pomelo",
        body=render_to_string("accounts/email/invitation.txt", context),
        to=[invitation.email],
    )
    message.attach_alternative(render_to_string("accounts/email/invitation.html", context), "text/html")
    message.send()
