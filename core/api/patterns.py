"""Regular expressions of the OpenAPI document (ECMA-262, as JSON Schema has them; Python reads them alike)."""


def id_pattern(prefix: str) -> str:
    """Return the pattern of an identifier with `prefix`, as `core.values.ids` writes it: 128 bits in base 32."""
    return f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"


def any_of(*words: str) -> str:
    """Return the pattern of exactly these words."""
    return f"^({'|'.join(words)})$"


def any_case(text: str) -> str:
    """Return the pattern of `text` in capitals and small letters; ECMA-262 has no flag for it inside of a pattern."""
    return "".join(f"[{letter.upper()}{letter.lower()}]" if letter.isalpha() else letter for letter in text)


# PostgreSQL stores no NUL, and a text that must not be blank needs one character that is not; Python takes the separators
# U+001C to U+001F and U+0085 for blank too.
NO_NUL = "^[^\\u0000]*$"
NOT_EMPTY = "^[^\\u0000]+$"
NOT_BLANK = "^[^\\u0000]*[^\\s\\u0000\\u001c-\\u001f\\u0085][^\\u0000]*$"

# What core.values.texts.clean_name takes: one line, without control characters (C0, C1, U+2028, U+2029), and not blank.
_LINE = "[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]"
ONE_LINE = f"^{_LINE}*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]{_LINE}*$"

# RFC 4648 §4, with its padding.
BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"({_OCTET}\.){{3}}{_OCTET}(/(3[0-2]|[12]?[0-9]))?"
_GROUP = "[0-9A-Fa-f]{1,4}"
# RFC 4291 §2.2: eight groups, or fewer with one `::` for the zeros between them.
_IPV6_FORMS = [
    f"({_GROUP}:){{7}}{_GROUP}",
    f"({_GROUP}:){{1,7}}:",
    *(f"({_GROUP}:){{1,{7 - after}}}(:{_GROUP}){{1,{after}}}" for after in range(1, 7)),
    f":(:{_GROUP}){{1,7}}",
    "::",
]
_IPV6 = f"({'|'.join(_IPV6_FORMS)})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?"
ADDRESS_OR_NETWORK = f"^({_IPV4}|{_IPV6})$"

# W3C Trace Context §3.2.2.3.
TRACE_ID = "^[0-9a-f]{32}$"

STATUS_OR_CLASS = "^[1-5]([0-9]{2}|[xX]{2})$"

# In quotes 1 to 255 characters of any kind, without them neither a space at an end nor a quote at both.
IDEMPOTENCY_KEY = '^("[ -~]{1,255}"|[!#-~]([ -~]{0,253}[!-~])?|"([ -~]{0,253}[!#-~])?)$'
