"""What a sample does: requests, one after the other, each of which may use what an earlier one was answered."""

import re
from dataclasses import dataclass, field
from typing import Any

_NAME = re.compile(r"\$([a-z]\w*)")


@dataclass(frozen=True, slots=True)
class Step:
    """A request and what is done with its answer: printed, unless one of the last four says otherwise.

    `path` and the texts of `body` name earlier answers as the shell does: `/v1/invoices/$invoice`. `headers` are those that not
    every request has. `base` is the address of the server, or None where it stands in POMELO_URL.
    """

    method: str
    base: str | None
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    # Of the answer, by names and places: what `name` keeps, or what is waited for.
    found: tuple[str | int, ...] = ()
    name: str = ""
    until: str = ""
    file: str = ""


def parts_of(text: str) -> list[tuple[str, str]]:
    """Return the text as (plain text, name of the answer that follows it), the last with no name."""
    pieces = _NAME.split(text)
    return [
        (plain, name) for plain, name in zip(pieces[::2], [*pieces[1::2], ""], strict=True) if plain or name
    ]


def name_in(value: Any) -> str:
    """Return the name of the answer that a value of a body is, or nothing."""
    whole = _NAME.fullmatch(value) if isinstance(value, str) else None
    return whole[1] if whole else ""
