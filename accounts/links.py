"""Invitation links. The emailed link proves that the recipient owns the invited address; the link an admin copies does not.

The emailed link contains a random token, whose hash is stored. The copied link contains the invitation's id signed with
SECRET_KEY; its user still has to prove the address, by signing in or by an emailed code.
"""

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

SALT = "accounts.invitation"
# An id, a dot and a Base64 HMAC-SHA256 are 74 characters; anything much longer is not ours.
MAX_TOKEN = 100


def link_of(token: str) -> str:
    """Return the URL of the page that accepts the invitation of `token`."""
    return settings.PUBLIC_URL + reverse("accounts:accept_invitation", args=[token])


def link_to_copy(public_id: str) -> str:
    """Return the link to the invitation `public_id` that an admin may share by other means than our email."""
    return link_of(_signer().sign(public_id))


def read_copied(token: str) -> str | None:
    """Return the invitation's id from a copied link; None if the signature is invalid."""
    if len(token) > MAX_TOKEN or not token.isascii():
        return None
    try:
        return _signer().unsign(token)
    except BadSignature:
        return None


def _signer() -> Signer:
    return Signer(salt=SALT, sep=".")
