"""Values that hold, for requests that Schemathesis makes: objects that are there, and texts that no other request has."""

import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Json = dict[str, Any]

TYPE_ID = re.compile(r"\b([a-z]{2,4})_[0-7][0-9a-hjkmnp-tv-z]{25}\b")
# A PNG of one pixel.
WHITE_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
WORLD: dict[str, Any] = json.loads(Path(os.environ["CONTRACT_WORLD"]).read_text())
# Objects that are there: by prefix of their id, those that any operation may name; by operation, those that it may use up.
known: dict[str, list[str]] = WORLD["known"]
spare: dict[str, list[str]] = WORLD["spare"]
invoices: dict[str, dict[str, str]] = WORLD["invoices"]
# Open invoices: those of which all can be charged, once each, and those of which a little can be credited again and again.
whole: list[str] = list(WORLD["whole_invoices"])
creditable: list[str] = WORLD["creditable_invoices"]
# What was counted; the numbers begin anywhere, so that two runs on one server do not meet.
counts: Counter[str] = Counter(number=secrets.randbelow(70_000_000))


def there(value: Any, trusted: Collection[str], label: str = "") -> Any:
    """Return `value` if it is among `trusted`, or no identifier; else an object of its kind that is there.

    An operation that uses objects up has its own, which it is given in turn: fresh at first, later used.
    """
    match = TYPE_ID.fullmatch(value) if isinstance(value, str) else None
    if match is None or value in trusted:
        return value
    if label in spare:
        spare[label].append(spare[label].pop(0))
        return spare[label][-1]
    return secrets.choice(known.get(match[1], [value]))


def number() -> int:
    """Return a number no other request has."""
    counts["number"] += 1
    return counts["number"]


def moment(**back: float) -> str:
    """Return the time so long ago, as RFC 3339 writes it."""
    return f"{datetime.now(UTC) - timedelta(**back):%Y-%m-%dT%H:%M:%SZ}"


def phone() -> str:
    """Return a mobile number that can exist and that no other request has."""
    return f"+49151{20_000_000 + number()}"


def attachment() -> Json:
    """Return a small file with a name that no other has."""
    return {"filename": f"terms {number()}.txt", "content_type": "text/plain", "content": "VGVybXM="}


def email() -> str:
    """Return an address no other request has."""
    return f"ada.{number()}@example.com"
