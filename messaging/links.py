"""The links in bulk mail: a recipient's random id and a signature, nothing that says who, whose or what about.

Signed under SECRET_KEY; SECRET_KEY_FALLBACKS are accepted too, so that mail in people's boxes outlives a rotation. A link
does not run out: mail is read, and left, years later.
"""

import uuid

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

SALT = "messaging.unsubscribe"
# 32 digits, a dot and an HMAC-SHA256 in Base64 are 76 characters; what is much longer is none of ours.
MAX_TOKEN = 100


def unsubscribe_link(recipient_id: uuid.UUID) -> str:
    """Return the address by which a recipient leaves the topic of the message."""
    token = _signer().sign(recipient_id.hex)
    return settings.PUBLIC_URL + reverse("unsubscribe:page", args=[token])


def read_token(token: str) -> uuid.UUID | None:
    """Return whose link this is; None for anything that was not signed here."""
    if len(token) > MAX_TOKEN or not token.isascii():
        return None
    try:
        return uuid.UUID(hex=_signer().unsign(token))
    except (BadSignature, ValueError):
        return None


def _signer() -> Signer:
    return Signer(salt=SALT, sep=".")
