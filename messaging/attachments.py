"""Email attachments: the accepted types, and checks that a file is what it claims to be.

Receivers choose a program by the file extension, mail clients by the content type. So extension, type and first bytes must agree,
and only types that execute nothing when opened are accepted.
"""

import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

from core.errors import FieldError
from core.values.texts import drop_invisible, has_controls, is_visible, normalize

MAX_ATTACHMENTS = 5
# The total of a message. Base64 adds a third, and mail servers commonly accept 10 MB.
MAX_BYTES = 1_500_000
MAX_FILENAME = 150
# Path separators, and characters that are invalid in file names on some system.
_NOT_IN_NAMES = frozenset('/\\:*?"<>|')

_WORD_PROCESSING = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attached file."""

    filename: str
    content_type: str
    content: bytes

    @property
    def size(self) -> int:
        """The size in bytes."""
        return len(self.content)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A content type: its file extensions, and a check of the content."""

    extensions: tuple[str, ...]
    fits: Callable[[bytes], bool]


def _begins_with(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(marks)


def _is_text(content: bytes) -> bool:
    """Whether the content is UTF-8 without control characters other than tabs, line breaks and form feeds."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not any(character < " " and character not in "\t\n\r\f" for character in text)


def _is_calendar(content: bytes) -> bool:
    """Whether the content is text that begins as required by RFC 5545 §3.4."""
    return _is_text(content) and content.removeprefix(b"\xef\xbb\xbf")[:15].upper() == b"BEGIN:VCALENDAR"


def _is_office(main: str) -> Callable[[bytes], bool]:
    """Return a check for Office Open XML (ECMA-376, part 2) with the main part `main` and without macros."""

    def fits(content: bytes) -> bool:
        if not content.startswith(b"PK\x03\x04"):
            return False
        try:
            with zipfile.ZipFile(BytesIO(content)) as package:
                names = {name.lower() for name in package.namelist()}
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error):
            return False
        has_macros = any(name.endswith("vbaproject.bin") for name in names)
        return {"[content_types].xml", main} <= names and not has_macros

    return fits


_KINDS: dict[str, _Kind] = {
    "application/pdf": _Kind(("pdf",), _begins_with(b"%PDF-")),
    "image/png": _Kind(("png",), _begins_with(b"\x89PNG\r\n\x1a\n")),
    "image/jpeg": _Kind(("jpg", "jpeg"), _begins_with(b"\xff\xd8\xff")),
    "image/gif": _Kind(("gif",), _begins_with(b"GIF87a", b"GIF89a")),
    "text/plain": _Kind(("txt",), _is_text),
    "text/csv": _Kind(("csv",), _is_text),
    "text/calendar": _Kind(("ics",), _is_calendar),
    _WORD_PROCESSING: _Kind(("docx",), _is_office("word/document.xml")),
    _SPREADSHEET: _Kind(("xlsx",), _is_office("xl/workbook.xml")),
}
CONTENT_TYPES = tuple(_KINDS)
EXTENSIONS = tuple(extension for kind in _KINDS.values() for extension in kind.extensions)


def type_of(filename: str) -> str | None:
    """Return the content type for a file name's extension, or None if it is not accepted."""
    extension = filename.rpartition(".")[2].lower()
    return next((name for name, kind in _KINDS.items() if extension in kind.extensions), None)


def find_problems(attachments: Sequence[Attachment]) -> list[FieldError]:
    """Return the errors of a message's attachments by field."""
    if len(attachments) > MAX_ATTACHMENTS:
        return [
            FieldError("attachments", "too_many", f"A message has at most {MAX_ATTACHMENTS} attachments.")
        ]
    total = sum(attachment.size for attachment in attachments)
    if total > MAX_BYTES:
        message = f"The files total {total} bytes; at most {MAX_BYTES} are accepted."
        return [FieldError("attachments", "too_large", message)]
    problems: list[FieldError] = []
    names: set[str] = set()
    for index, attachment in enumerate(attachments):
        before = f"attachments.{index}"
        kind = _KINDS.get(attachment.content_type)
        if kind is None:
            message = f"Only these types are accepted: {', '.join(CONTENT_TYPES)}."
            problems.append(FieldError(f"{before}.content_type", "not_supported", message))
            continue
        if refusal := _validate_name(attachment.filename, kind):
            problems.append(FieldError(f"{before}.filename", *refusal))
        elif attachment.filename.lower() in names:
            message = "Another attachment of the message has this name."
            problems.append(FieldError(f"{before}.filename", "duplicate", message))
        names.add(attachment.filename.lower())
        if not attachment.content:
            problems.append(FieldError(f"{before}.content", "empty", "The file is empty."))
        elif not kind.fits(attachment.content):
            message = f"This is not a file of the type {attachment.content_type}."
            problems.append(FieldError(f"{before}.content", "wrong_content", message))
    return problems


def _validate_name(name: str, kind: _Kind) -> tuple[str, str] | None:
    """Return code and message if a name is invalid: it would be saved elsewhere, or as a different type than it seems."""
    stem, _, extension = name.rpartition(".")
    if len(name) > MAX_FILENAME:
        return "too_long", f"At most {MAX_FILENAME} characters are accepted."
    if has_controls(name) or drop_invisible(name) != name or normalize(name) != name:
        message = "Must be one line of visible characters, in Unicode normalization form C."
        return "invalid_filename", message
    if not _NOT_IN_NAMES.isdisjoint(name) or name != name.strip():
        return (
            "invalid_filename",
            'Must be a name without a path, without / \\ : * ? " < > | and surrounding spaces.',
        )
    if (
        "." in stem
        or extension.lower() not in kind.extensions
        or not is_visible(stem)
        or stem != stem.strip()
    ):
        wanted = " or ".join(f".{one}" for one in kind.extensions)
        return "wrong_extension", f"Must be a name with one extension, which for this type is {wanted}."
    return None
