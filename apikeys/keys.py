"""The format of a Client Secret: pure functions, no settings, no I/O (docs/architecture.md, Contracts).

A secret is `pm_live_` or `pm_test_`, 32 base62 characters from the CSPRNG (190 bits), and 6 base62 characters of CRC32
over everything before them. The checksum lets the API, `manage.py check_secret` and secret scanners reject a mistyped
or made-up secret without a lookup; it adds no security. The first 8 random characters are the *locator*, which identifies
the row; the other 24 (142 bits) are known to the holder only.
"""

import secrets
from dataclasses import dataclass
from zlib import crc32

MODES = ("live", "test")
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_LENGTH = 32
CHECKSUM_LENGTH = 6
PREFIX_LENGTH = len("pm_live_")
LOCATOR_LENGTH = 8
TAIL_LENGTH = 4
# A shorter beginning is no search: two characters are those of one secret in 3,844.
SHORTEST_BEGINNING = 3
SECRET_LENGTH = PREFIX_LENGTH + RANDOM_LENGTH + CHECKSUM_LENGTH

# For gitleaks, GitHub custom patterns and other scanners; confirm a hit offline with `manage.py check_secret`.
SCANNER_PATTERN = r"\bpm_(?:live|test)_[0-9A-Za-z]{38}\b"

_ALPHABET_SET = frozenset(ALPHABET)
_PREFIXES = {f"pm_{mode}_": mode for mode in MODES}


class MalformedSecret(ValueError):
    """The text is not a Client Secret. The message explains why, without repeating the text."""


@dataclass(frozen=True, slots=True, repr=False)
class ParsedSecret:
    """A well-formed secret and its public parts. Its repr never shows the secret."""

    text: str
    mode: str
    locator: str

    @property
    def display(self) -> str:
        """`pm_live_AbCd1234…wxyz`, safe to show and store."""
        return display(mode=self.mode, locator=self.locator, tail=self.text[-TAIL_LENGTH:])

    def __repr__(self) -> str:
        return f"<ParsedSecret {self.display}>"


@dataclass(frozen=True, slots=True)
class ShownPart:
    """What somebody copied of a secret: its mode, the beginning of its locator or all of it, and its last characters, if known."""

    mode: str
    beginning: str
    tail: str = ""


def checksum(body: str) -> str:
    """The 6 base62 digits of the CRC32 of `body` (prefix and random part), most significant first."""
    number = crc32(body.encode("ascii"))
    digits = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def generate(mode: str) -> ParsedSecret:
    """Make a new secret for `mode` from the operating system's CSPRNG."""
    if mode not in MODES:
        raise ValueError(f"A key's mode is live or test, not {mode!r}.")
    body = f"pm_{mode}_" + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return parse(body + checksum(body))


def parse(text: str) -> ParsedSecret:
    """Check prefix, length, alphabet and checksum. Raises MalformedSecret for the first that is wrong."""
    mode = _PREFIXES.get(text[:PREFIX_LENGTH])
    if mode is None:
        raise MalformedSecret("A secret starts with pm_live_ or pm_test_.")
    if len(text) != SECRET_LENGTH:
        raise MalformedSecret(f"A secret has {SECRET_LENGTH} characters, not {len(text)}.")
    if not _ALPHABET_SET.issuperset(text[PREFIX_LENGTH:]):
        raise MalformedSecret("After its prefix a secret holds only letters and digits.")
    if checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        raise MalformedSecret("The checksum does not match: the secret is mistyped, cut or made up.")
    return ParsedSecret(text, mode, text[PREFIX_LENGTH : PREFIX_LENGTH + LOCATOR_LENGTH])


def display(*, mode: str, locator: str, tail: str) -> str:
    """The form in which a secret may be shown: `pm_live_AbCd1234…wxyz`."""
    return f"pm_{mode}_{locator}…{tail}"


def parse_shown(text: str) -> ShownPart | None:
    """Return what `text` says of a secret: `pm_live_AbC`, `pm_live_AbCd1234…wxyz`, or a whole secret; None if it is none of these.

    Of a whole secret only the parts that pages show are returned.
    """
    mode = _PREFIXES.get(text[:PREFIX_LENGTH])
    if mode is None:
        return None
    first, _, last = text[PREFIX_LENGTH:].replace("...", "…").partition("…")
    if len(first) < SHORTEST_BEGINNING or not _ALPHABET_SET.issuperset(first + last):
        return None
    return ShownPart(mode, first[:LOCATOR_LENGTH], last if len(last) == TAIL_LENGTH else "")
