"""Mails about keys, to the owners of their company."""

from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from apikeys.models import ApiKey

log = structlog.get_logger("pomelo.apikeys.emails")


def mail_notice(*, key: ApiKey, recipients: list[str], subject: str, text: str) -> None:
    """Mail one paragraph about a key with a link to its page. A mail that cannot be sent is logged, not raised: the
    event and the badge on the dashboard say the same."""
    if not recipients:
        return
    context = {
        "key": key,
        "subject": subject,
        "text": text,
        "link": f"{settings.PUBLIC_URL}/keys/{key.public_id}/",
    }
    message = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string("apikeys/email/notice.txt", context),
        to=recipients,
    )
    message.attach_alternative(render_to_string("apikeys/email/notice.html", context), "text/html")
    try:
        message.send()
    except (OSError, SMTPException) as error:
        log.warning("key_notice_not_mailed", key=key.public_id, error=type(error).__name__)
