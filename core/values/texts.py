"""Text normalization: one canonical form for comparisons, and names with visible characters.

Unicode can encode `é` as one or two code points. People, filters and unique constraints must treat both alike, so compared text
is stored in NFC (UAX #15). A name made of zero-width characters is empty.
"""

import re
import unicodedata

from core.values.redaction import redact_text

# Invisible characters in the categories of letters, marks or symbols: those of Unicode's
# Default_Ignorable_Code_Point (DerivedCoreProperties), and the blank braille pattern.
_DRAWS_NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
CONTROL_CHARACTERS = "Must not contain line breaks, tabs or other control characters."
HOLDS_A_CREDENTIAL = "This contains a credential, and names are shown to everyone and kept in logs."
NOTHING_TO_SEE = "Needs at least one visible character."


def normalize(text: str) -> str:
    """Return `text` in its stored form, Unicode's normalization form C."""
    return unicodedata.normalize("NFC", text)


def has_controls(text: str) -> bool:
    """Whether `text` contains line breaks, tabs or other control characters (C0, C1, U+2028, U+2029)."""
    return _CONTROL.search(text) is not None


def drop_invisible(text: str) -> str:
    """Return `text` without format characters and fillers: soft hyphens, joiners, directional marks."""
    return "".join(
        character for character in _DRAWS_NOTHING.sub("", text) if unicodedata.category(character) != "Cf"
    )


def is_visible(text: str) -> bool:
    """Whether `text` contains anything besides whitespace, format characters and fillers."""
    return any(
        unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")
        for character in _DRAWS_NOTHING.sub("", text)
    )


def clean_text(text: str, *, longest: int) -> str:
    """Return multi-line text in its stored form: NFC, stripped.

    Raises ValueError if it exceeds `longest` characters. Some characters become two in NFC, so text that passed a field's
    validation can still be too long for its column.
    """
    text = normalize(text).strip()
    if len(text) > longest:
        raise ValueError(f"At most {longest} characters are accepted.")
    return text


def clean_name(text: str, *, longest: int) -> str:
    """Return a name in its stored form: NFC, stripped.

    Raises ValueError if it contains control characters, has no visible character, exceeds `longest` characters, or contains a
    credential, because names are visible to everybody and appear in logs and audit entries.
    """
    text = clean_text(text, longest=longest)
    if not is_visible(text):
        raise ValueError(NOTHING_TO_SEE)
    if has_controls(text):
        raise ValueError(CONTROL_CHARACTERS)
    if redact_text(text) != text:
        raise ValueError(HOLDS_A_CREDENTIAL)
    return text


def lines_of(text: str) -> list[str]:
    """Split text at line breaks only. Python's `splitlines` also splits at eight other characters, which may be part of a value."""
    return _LINE_BREAK.split(text)


def on_one_line(text: str) -> str:
    """Return `text` on one line: runs of whitespace and control characters become one space."""
    return " ".join(_CONTROL.sub(" ", normalize(text)).split())


def storable(text: str) -> str:
    """Return `text` in a form that PostgreSQL and UTF-8 can store: NUL and lone surrogates are replaced.

    For text from third parties (a provider's response, an error message), which must be stored in any case. Input from callers
    is refused instead.
    """
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
