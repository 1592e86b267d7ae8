"""DKIM: the keys of a domain, their DNS records, and the signature of an email (RFC 6376, RFC 8301).

dkimpy canonicalizes the message and selects the headers. OpenSSL computes the signature: dkimpy computes RSA in Python and parses
the key again for each email, which took two thirds of a worker's time per message.
"""

import base64
import hashlib
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from textwrap import TextWrapper

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from dkim import rfc822_parse
from dkim.canonicalization import CanonicalizationPolicy

from core.postgres.outside import outside_transactions

# RFC 8301 §3.2: signers use keys of at least 2,048 bits; a longer key does not fit into one DNS response.
KEY_BITS = 2048
# What a reader sees, and what decides where a reply or a click goes. Present headers are signed; the first ones are signed once
# more than they occur, so that nobody can add another one (RFC 6376 §8.15).
OVERSIGNED = ("From", "To", "Subject", "Date", "Message-ID", "Reply-To")
SIGNED = (
    "Cc",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
)
_OVERSIGNED = [name.lower().encode() for name in OVERSIGNED]
_NAMES = [*_OVERSIGNED, *(name.lower().encode() for name in SIGNED)]
_HEADER = b"DKIM-Signature"
# With the header's name before the first of them, lines stay below the 78 characters of RFC 5322 §2.1.1.
_LINE = 60
_FOLDED = TextWrapper(_LINE, break_long_words=False, break_on_hyphens=False)
_RELAXED = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")


@dataclass(frozen=True, slots=True)
class Signer:
    """A signing key of a domain. `private_key` is PEM."""

    domain: str
    selector: str
    private_key: str

    def __repr__(self) -> str:
        """Omit the key, which must not be logged."""
        return f"Signer({self.selector}._domainkey.{self.domain})"


def new_key() -> tuple[str, str]:
    """Generate a key; return the private half as PEM and the public half as in its DNS record.

    Takes tenths of a second of CPU time: call it before the transaction in which the key is stored.
    """
    outside_transactions("dkim key")
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode("ascii"), base64.b64encode(public).decode("ascii")


def key_record(public_key: str) -> str:
    """Return the TXT record of a public key (RFC 6376 §3.6.1)."""
    return f"v=DKIM1; k=rsa; p={public_key}"


def sign(mail: bytes, signer: Signer) -> bytes:
    """Return `mail` (RFC 5322, CRLF) with a DKIM-Signature before its headers.

    Raises dkim.MessageFormatError for an invalid email, ValueError or TypeError for an invalid RSA key.
    """
    head, _, body = mail.partition(b"\r\n\r\n")
    headers, _ = rfc822_parse(head)
    left: dict[bytes, list[bytes]] = defaultdict(list)
    for name, value in _RELAXED.canonicalize_headers(headers):
        left[name].append(b"%b:%b" % (name, value))
    names = tuple(name for name in _NAMES if name in left)
    fields = b"%b\r\n t=%d;\r\n bh=%b;\r\n b=" % (
        _fixed_fields(signer.domain, signer.selector, names),
        int(time.time()),
        base64.b64encode(hashlib.sha256(_RELAXED.canonicalize_body(body)).digest()),
    )
    # Of repeated headers, the last ones are signed (RFC 6376 §5.4.2). The signature's own header comes last, without its value and
    # without a line break (§3.7).
    [(name, value)] = _RELAXED.canonicalize_headers([(_HEADER, fields)])
    chosen = b"".join(left[name].pop() for name in (*names, *_OVERSIGNED) if left[name])
    content = b"%b%b:%b" % (chosen, name, value.rstrip())
    signature = base64.b64encode(_key(signer.private_key).sign(content, padding.PKCS1v15(), hashes.SHA256()))
    lines = b"\r\n ".join(signature[start : start + _LINE] for start in range(0, len(signature), _LINE))
    return b"%b: %b%b\r\n%b" % (_HEADER, fields, lines, mail)


# Folded at spaces, so that no server on the way folds it elsewhere.
@lru_cache(maxsize=256)
def _fixed_fields(domain: str, selector: str, names: tuple[bytes, ...]) -> bytes:
    """Return the tags that all signatures of a domain for emails with these headers share."""
    signed = " : ".join(name.decode("ascii") for name in (*names, *_OVERSIGNED))
    fields = (
        f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; i=@{domain}; q=dns/txt; s={selector}; h={signed};"
    )
    return "\r\n ".join(_FOLDED.wrap(fields)).encode("ascii")


# One for each sending domain: parsing a key takes longer than signing with it.
@lru_cache(maxsize=256)
def _key(pem: str) -> rsa.RSAPrivateKey:
    # Generated by `new_key`, and stored encrypted and authenticated: checking the primes again would take 36 ms.
    key = serialization.load_pem_private_key(
        pem.encode("ascii"), password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("DKIM is signed with RSA keys here.")
    return key
