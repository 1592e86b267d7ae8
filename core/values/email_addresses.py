"""Email addresses: one type for customers, senders and recipients, so that all parts accept the same addresses.

An address has an ASCII local part (RFC 5321 §4.1.2; receivers may not support SMTPUTF8) and a domain name, stored in the
ASCII form of IDNA 2008 (UTS #46 for case and width), which every mail server understands.
"""

import re
import unicodedata
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from functools import lru_cache

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from core.values.texts import (
    CONTROL_CHARACTERS,
    drop_invisible,
    has_controls,
    is_visible,
    normalize,
)

MAX_ADDRESS = 254
MAX_LOCAL_PART = 64
MAX_NAME = 200
MISLEADING_NAME = "A name must not contain an address or a link: readers would take it for the sender's."
HOW_TO_WRITE = "Write `ada@example.com` or `Ada Lovelace <ada@example.com>`."

_valid = EmailValidator()
_DOT_ATOM = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
# A display name is quoted, or free of the special characters of RFC 5322 §3.2.3.
_MAILBOX = re.compile(
    r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^"<>,;:@\\]*?))\s*<(?P<address>[^<>]*)>\s*'
)
_NEEDS_QUOTES = re.compile(r"[^\w !#$%&\'*+/=?^`{|}~-]")
# What a display name must not contain, after width folding and removal of invisible characters: an address or a URL.
_LEADS_AWAY = re.compile(r"\S@\S|@\s*[\w-]+\.\w|\w://|\bwww\.\w|[\w-]\.\w{2,}/", re.IGNORECASE)
_HOST = re.compile(r"(?:[\w-]+\.)+[^\W\d_]{2,}")
_ENCODED = re.compile(r"=\?[^? ]+\?[bqBQ]\?[^? ]*\?=")


class InvalidEmail(ValueError):
    """The text is not a deliverable email address. `code` is stable, the message is for people."""

    def __init__(
        self, message: str = "This is not an email address.", *, code: str = "invalid_email"
    ) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with an optional display name."""

    address: str
    name: str = ""

    @property
    def normalized(self) -> str:
        """The canonical form, equal for equivalent addresses."""
        return self.address.lower()

    def __str__(self) -> str:
        """Return the form that `parse_mailbox` accepts: `Ada Lovelace <ada@example.com>`."""
        if not self.name:
            return self.address
        if not _NEEDS_QUOTES.search(self.name) and not _ENCODED.search(self.name):
            return f"{self.name} <{self.address}>"
        quoted = self.name.replace("\\", r"\\").replace('"', r"\"")
        return f'"{quoted}" <{self.address}>'


def is_misleading(name: str, *, address: str) -> bool:
    """Whether readers may mistake the display `name` of `address` for another address or a URL.

    Most mail clients show only the name, so `"security@bank.example" <x@shop.example>` would seem to come from the bank. A
    bare host name is misleading too, unless it is the domain of `address`, or a parent or subdomain of it.
    """
    seen = drop_invisible(unicodedata.normalize("NFKC", name)).strip().lower()
    if _LEADS_AWAY.search(seen):
        return True
    host = address.rpartition("@")[2].lower()
    related = f".{host}".endswith(f".{seen}") or f".{seen}".endswith(f".{host}")
    return _HOST.fullmatch(seen) is not None and not related


def shown_name(name: str, *, address: str) -> str:
    """Return the display name to use with `address` in a header: empty if `name` is misleading."""
    return "" if is_misleading(name, address=address) else name


def parse_email(text: str) -> str:
    """Return the address in its stored form. Raises InvalidEmail."""
    if has_controls(text):
        raise InvalidEmail(CONTROL_CHARACTERS, code="control_character")
    local, _, domain = normalize(text).strip().rpartition("@")
    if not local or len(local) > MAX_LOCAL_PART or not local.isascii() or len(domain) > MAX_ADDRESS:
        raise InvalidEmail
    local = _plainest(local)
    try:
        domain = _in_ascii(domain)
        address = f"{local}@{domain}"
        _valid(address)
    except (idna.IDNAError, ValidationError) as error:
        raise InvalidEmail from error
    # A numeric last label means an IP address, which is not a mail domain (RFC 3696 §2).
    if domain.rpartition(".")[2].isdecimal():
        raise InvalidEmail
    if len(address) > MAX_ADDRESS:
        raise InvalidEmail(f"An address has at most {MAX_ADDRESS} characters.")
    return address


@lru_cache(maxsize=1_000)
def _in_ascii(domain: str) -> str:
    """Return the ASCII form of a domain. Cached, as most addresses share a few domains. Raises IDNAError."""
    return idna.encode(domain, uts46=True).decode("ascii")


def _plainest(local: str) -> str:
    """Return the local part without redundant quotes and backslashes: `"ada"` and `"a\\da"` are `ada` (RFC 5322 §3.2.4).

    Each mailbox has one canonical form, so that a suppression applies to all spellings of an address.
    """
    if len(local) < 2 or not (local.startswith('"') and local.endswith('"')):
        return local
    meant = re.sub(r"\\(.)", r"\1", local[1:-1])
    if _DOT_ATOM.fullmatch(meant):
        return meant
    return '"' + re.sub(r'(["\\])', r"\\\1", meant) + '"'


def parse_mailbox(text: str) -> Mailbox:
    """Parse `ada@example.com` or `Ada Lovelace <ada@example.com>`. Raises InvalidEmail.

    The name may be quoted, or encoded as in a header (RFC 2047), which some libraries produce.
    """
    if has_controls(text):
        raise InvalidEmail(CONTROL_CHARACTERS, code="control_character")
    if "<" not in text and ">" not in text:
        return Mailbox(parse_email(text))
    found = _MAILBOX.fullmatch(text)
    if found is None:
        raise InvalidEmail(HOW_TO_WRITE)
    address = parse_email(found["address"])
    if found["quoted"] is not None:
        name = re.sub(r"\\(.)", r"\1", found["quoted"])
    else:
        name = _decoded(found["plain"])
    name = normalize(name).strip()
    if has_controls(name):
        raise InvalidEmail(CONTROL_CHARACTERS, code="control_character")
    if len(name) > MAX_NAME:
        raise InvalidEmail(f"A name has at most {MAX_NAME} characters.")
    return Mailbox(address, name if is_visible(name) else "")


def _decoded(name: str) -> str:
    if not _ENCODED.search(name):
        return name
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError) as error:
        raise InvalidEmail(HOW_TO_WRITE) from error
