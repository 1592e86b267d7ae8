"""The links in bulk mail: a recipient's random ID and a signature, without any personal data.

Signed with SECRET_KEY; SECRET_KEY_FALLBACKS are accepted too, so that links in delivered mail survive a rotation. A link does not
expire, because mail is read years later.
"""

import uuid

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

SALT = "messaging.unsubscribe"
# 32 digits, a dot and an HMAC-SHA256 in Base64 are 76 characters; much longer tokens cannot be ours.
MAX_TOKEN = 100


def unsubscribe_link(recipient_id: uuid.UUID) -> str:
    """Return the URL with which a recipient unsubscribes from the topic of the message."""
    token = _signer().sign(recipient_id.hex)
    return settings.PUBLIC_URL + reverse("unsubscribe:page", args=[token])


def read_token(token: str) -> uuid.UUID | None:
    """Return the recipient ID of a token; None unless it was signed here."""
    if len(token) > MAX_TOKEN or not token.isascii():
        return None
    try:
        return uuid.UUID(hex=_signer().unsign(token))
    except (BadSignature, ValueError):
        return None


def _signer() -> Signer:
    return Signer(salt=SALT, sep=".")
