"""The allowlist of email headers that callers may set.

Headers about sender, recipients, date and subject, and those that affect how receivers treat an email (DKIM, `List-Unsubscribe`,
return path), are set by the product. Allowed headers are a single line of ASCII, which prevents header injection.
"""

import re

MAX_HEADERS = 10
MAX_VALUE = 900  # a line has at most 998 characters (RFC 5322 §2.1.1), including the header's name

_TEXT = re.compile(r"[!-~]([ -~]*[!-~])?")
_IDENTIFIER = r"<[!-;=?-~]+@[!-;=?-~]+>"
# By lowercase name: the name as sent, the pattern of its value, and the error message.
_ALLOWED: dict[str, tuple[str, re.Pattern[str], str]] = {
    name.lower(): (name, re.compile(pattern), form)
    for name, pattern, form in (
        (
            "Auto-Submitted",
            "auto-generated|auto-replied|no",
            "Use auto-generated, auto-replied or no (RFC 3834).",
        ),
        ("Feedback-ID", r"[!-9;-~]+(:[!-9;-~]+){0,3}", "Use one to four words, joined by colons."),
        ("Importance", "high|normal|low", "Use high, normal or low."),
        ("In-Reply-To", _IDENTIFIER, "Use a Message-ID in angle brackets."),
        ("Organization", _TEXT.pattern, "Use printable ASCII."),
        (
            "References",
            rf"{_IDENTIFIER}( {_IDENTIFIER})*",
            "Use Message-IDs in angle brackets, separated by spaces.",
        ),
        ("X-Auto-Response-Suppress", r"[A-Za-z]+(, ?[A-Za-z]+)*", "Use words such as OOF, AutoReply or All."),
        ("X-Entity-Ref-ID", _TEXT.pattern, "Use printable ASCII."),
        ("X-Priority", "[1-5]", "Use a digit from 1 to 5."),
    )
}
ALLOWED = tuple(name for name, _, _ in _ALLOWED.values())


class RefusedHeader(ValueError):
    """A header that is not allowed or has an invalid value. `code` is stable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def clean_header(name: str, value: str) -> tuple[str, str]:
    """Return a header's name as sent, and its value. Raises RefusedHeader."""
    found = _ALLOWED.get(name.lower())
    if found is None:
        raise RefusedHeader("header_not_allowed", f"Only these can be set: {', '.join(ALLOWED)}.")
    spelled, pattern, form = found
    if len(value) > MAX_VALUE:
        raise RefusedHeader("too_long", f"At most {MAX_VALUE} characters are accepted.")
    if not pattern.fullmatch(value):
        raise RefusedHeader("invalid_header", form)
    return spelled, value
