"""What people call a field of ours, and how they read its value, where nobody has written either by hand."""

from typing import Any

EMPTY = "–"
# Written otherwise than other words.
_WORDS = {
    "api": "API", "bps": "(basis points)", "dkim": "DKIM", "dns": "DNS", "html": "HTML", "id": "ID", "ids": "IDs", "ip": "IP",
    "line1": "line 1", "line2": "line 2", "ms": "(ms)", "pdf": "PDF", "sms": "SMS", "spf": "SPF", "url": "URL", "urls": "URLs", "us": "(µs)",
}  # fmt: skip


def label_of(name: str) -> str:
    """Return a field's label: "Allowed networks" for `allowed_networks`, "Last used IP" for `last_used_ip`."""
    words = [_WORDS.get(word, word) for word in name.replace("_", " ").split()]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def value_text(value: Any) -> str:
    """Return a value of JSON as people read it: a line for each entry of an object, a list in one line, a dash for nothing."""
    if isinstance(value, dict):
        return (
            "\n".join(f"{label_of(str(name))}: {_in_one_line(one)}" for name, one in value.items()) or EMPTY
        )
    if isinstance(value, (list, tuple)) and any(isinstance(one, dict) for one in value):
        return "\n".join(map(_in_one_line, value))
    return _in_one_line(value)


def _in_one_line(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return EMPTY
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return "; ".join(f"{label_of(str(name))}: {_in_one_line(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_in_one_line, value))
    return str(value)
