"""The links of an invitation. The mailed one proves that its reader gets mail at the invited address; the one for copying does not.

The mailed link holds a random token, of which the table has the hash. The link that an admin copies holds the invitation's
id and a signature under SECRET_KEY: whoever follows it still proves the address, by signing in or by a mailed code.
"""

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

SALT = "accounts.invitation"
# An id, a dot and an HMAC-SHA256 in Base64 are 74 characters; what is much longer is none of ours.
MAX_TOKEN = 100


def link_of(token: str) -> str:
    """Return the address of the page that accepts the invitation of `token`."""
    return settings.PUBLIC_URL + reverse("accounts:accept_invitation", args=[token])


def link_to_copy(public_id: str) -> str:
    """Return the link to the invitation `public_id` that an admin may hand over by other means than our mail."""
    return link_of(_signer().sign(public_id))


def read_copied(token: str) -> str | None:
    """Return the id of the invitation that a copied link is of; None for anything that was not signed here."""
    if len(token) > MAX_TOKEN or not token.isascii():
        return None
    try:
        return _signer().unsign(token)
    except BadSignature:
        return None


def _signer() -> Signer:
    return Signer(salt=SALT, sep=".")
