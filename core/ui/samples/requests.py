"""The parsed form of a sample: a sequence of requests, each of which may use values from earlier responses."""

import re
from dataclasses import dataclass, field
from typing import Any

_NAME = re.compile(r"\$([a-z]\w*)")


@dataclass(frozen=True, slots=True)
class Step:
    """A request and what to do with its response: print it, unless one of the last four fields says otherwise.

    `path` and the strings in `body` refer to earlier responses like the shell does: `/v1/invoices/$invoice`. `headers` excludes
    those that every request has. `base` is the server's URL, or None if it is read from POMELO_URL.
    """

    method: str
    base: str | None
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    # The path, by keys and indexes, to the value of the response that is stored in `name` or polled for.
    found: tuple[str | int, ...] = ()
    name: str = ""
    until: str = ""
    file: str = ""


def parts_of(text: str) -> list[tuple[str, str]]:
    """Split a string into (plain text, name of the variable that follows). The last name is empty."""
    pieces = _NAME.split(text)
    return [
        (plain, name) for plain, name in zip(pieces[::2], [*pieces[1::2], ""], strict=True) if plain or name
    ]


def name_in(value: Any) -> str:
    """Return the name of the variable that a value in a body refers to, or an empty string."""
    whole = _NAME.fullmatch(value) if isinstance(value, str) else None
    return whole[1] if whole else ""
