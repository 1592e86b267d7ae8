"""What a text looks like to whoever reads it: one spelling for all that is compared, and something to see in a name.

Unicode writes `é` as one character or as two; to a person, and so to a filter and a unique constraint, both are the same.
Everything that is compared is kept in NFC (UAX #15). A name of zero-width characters is none.
"""

import re
import unicodedata

from core.values.redaction import redact_text

# Characters that draw nothing although their category is that of a letter, a mark or a symbol: what of Unicode's
# Default_Ignorable_Code_Point (DerivedCoreProperties) has no category of its own, and the empty braille pattern.
_DRAWS_NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
CONTROL_CHARACTERS = "Must not contain line breaks, tabs or other control characters."
HOLDS_A_CREDENTIAL = "This contains a credential, and names are shown to everyone and kept in logs."
NOTHING_TO_SEE = "Needs at least one visible character."


def normalize(text: str) -> str:
    """Return `text` as it is kept and compared: in Unicode's normalization form C."""
    return unicodedata.normalize("NFC", text)


def has_controls(text: str) -> bool:
    """Tell whether `text` has line breaks, tabs or other control characters (C0, C1, U+2028, U+2029)."""
    return _CONTROL.search(text) is not None


def drop_invisible(text: str) -> str:
    """Return `text` without format characters and fillers: soft hyphens, joiners, marks of direction."""
    return "".join(
        character for character in _DRAWS_NOTHING.sub("", text) if unicodedata.category(character) != "Cf"
    )


def is_visible(text: str) -> bool:
    """Tell whether a reader sees anything of `text`: more than blanks, format characters and fillers."""
    return any(
        unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")
        for character in _DRAWS_NOTHING.sub("", text)
    )


def clean_text(text: str, *, longest: int) -> str:
    """Return a text of any lines as it is kept: NFC, without blanks around it.

    Raises ValueError for one of more than `longest` characters: some are two in NFC, so what a field let pass can still be
    too long for its column.
    """
    text = normalize(text).strip()
    if len(text) > longest:
        raise ValueError(f"At most {longest} characters are accepted.")
    return text


def clean_name(text: str, *, longest: int) -> str:
    """Return the name of somebody or something as it is kept: NFC, without blanks around it.

    Raises ValueError for one with control characters, of which nothing can be seen, of more than `longest` characters, or
    that holds a credential: a name is shown to everybody, and kept in logs and trails.
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
    """Return the lines that somebody has typed. Python's `splitlines` breaks at eight characters more, which are part of a value."""
    return _LINE_BREAK.split(text)


def on_one_line(text: str) -> str:
    """Return `text` for a place that has one line only: runs of blanks and control characters become one blank."""
    return " ".join(_CONTROL.sub(" ", normalize(text)).split())


def storable(text: str) -> str:
    """Return `text` in a form that PostgreSQL and UTF-8 can hold: NUL and lone surrogates are replaced.

    For what others say (a provider's answer, an error's message), which is kept whatever it is; what a caller sends is
    refused instead.
    """
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
