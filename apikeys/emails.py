"""Emails about keys to the owners of their company."""

from django.conf import settings

from apikeys.models import ApiKey
from core.mail.compose import send_mail


def mail_notice(*, key: ApiKey, recipients: list[str], subject: str, text: str) -> None:
    """Email one paragraph about a key with a link to its page, once the current transaction has committed."""
    send_mail(
        to=recipients,
        subject=subject,
        template="apikeys/email/notice",
        context={"key": key, "text": text, "link": f"{settings.PUBLIC_URL}/keys/{key.public_id}/"},
    )
