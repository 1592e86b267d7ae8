"""DKIM: the keys of a domain, their DNS records, and the signature of a mail (RFC 6376, RFC 8301).

The canonical forms and the choice of headers are dkimpy's. The signature itself is made by OpenSSL: dkimpy computes RSA in Python
and reads the key again for each mail, which took two thirds of a worker's time for a message.
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

# RFC 8301 §3.2: signers use keys of 2,048 bits or more; a longer one no longer fits one DNS answer.
KEY_BITS = 2048
# What a reader sees and what decides where an answer or a click goes. Present ones are signed; the first are signed once more than
# they are there, so that nobody can add another one (RFC 6376 §8.15).
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
    """A key that may sign for a domain. `private_key` is PEM."""

    domain: str
    selector: str
    private_key: str

    def __repr__(self) -> str:
        """Leave the key out: what is logged must not hold it."""
        return f"Signer({self.selector}._domainkey.{self.domain})"


def new_key() -> tuple[str, str]:
    """Make a key; return its private half as PEM and its public half as its DNS record has it.

    Takes tenths of a second of a processor: call it before the transaction in which the key is stored.
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

    Raises dkim.MessageFormatError for what is no mail, ValueError or TypeError for what is no RSA key.
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
    # Of several headers of a name the last ones are signed (RFC 6376 §5.4.2). The signature's own header comes at the end, without
    # its value and without a line's end (§3.7).
    [(name, value)] = _RELAXED.canonicalize_headers([(_HEADER, fields)])
    chosen = b"".join(left[name].pop() for name in (*names, *_OVERSIGNED) if left[name])
    content = b"%b%b:%b" % (chosen, name, value.rstrip())
    signature = base64.b64encode(_key(signer.private_key).sign(content, padding.PKCS1v15(), hashes.SHA256()))
    lines = b"\r\n ".join(signature[start : start + _LINE] for start in range(0, len(signature), _LINE))
    return b"%b: %b%b\r\n%b" % (_HEADER, fields, lines, mail)


# Folded at blanks, so that no server on the way folds it elsewhere.
@lru_cache(maxsize=256)
def _fixed_fields(domain: str, selector: str, names: tuple[bytes, ...]) -> bytes:
    """Return what the signatures of a domain have in common whose mails have these headers."""
    signed = " : ".join(name.decode("ascii") for name in (*names, *_OVERSIGNED))
    fields = (
        f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; i=@{domain}; q=dns/txt; s={selector}; h={signed};"
    )
    return "\r\n ".join(_FOLDED.wrap(fields)).encode("ascii")


# One for each domain that sends: reading a key takes longer than signing with it.
@lru_cache(maxsize=256)
def _key(pem: str) -> rsa.RSAPrivateKey:
    # Made by `new_key`, and kept encrypted and authenticated: to check the primes again would take 36 ms.
    key = serialization.load_pem_private_key(
        pem.encode("ascii"), password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("DKIM is signed with RSA keys here.")
    return key
