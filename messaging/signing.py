"""DKIM: the keys of a domain, their DNS records, and the signature of a mail (RFC 6376, RFC 8301)."""

import base64
from dataclasses import dataclass

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

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
    """Make a key; return its private half as PEM and its public half as its DNS record has it. Takes tenths of a second."""
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
    """Return `mail` (RFC 5322, CRLF) with a DKIM-Signature before its headers. Raises dkim.DKIMException."""
    present = {
        line.partition(b":")[0].strip().lower()
        for line in mail.partition(b"\r\n\r\n")[0].split(b"\r\n")
        if line[:1] not in (b" ", b"\t")
    }
    headers = [name.lower() for name in (*OVERSIGNED, *SIGNED) if name.lower().encode() in present] + [
        name.lower() for name in OVERSIGNED
    ]
    signature: bytes = dkim.sign(
        mail,
        signer.selector.encode("ascii"),
        signer.domain.encode("ascii"),
        signer.private_key.encode("ascii"),
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[name.encode("ascii") for name in headers],
    )
    return signature + mail
