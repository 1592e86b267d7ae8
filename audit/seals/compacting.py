"""Keeping the file of exported heads small: of a day that is over, the last head of each chain proves what all those before it did.

A head's digest is chained over every seal before it, so an older head of the same chain says nothing more. A chain that was exported again
from an earlier end keeps every line: that is what betrays it.
"""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import structlog

from audit.seals.heads import locked, own_file, read_exported
from audit.signing import Chain

# The last rows of a day are sealed a little after midnight, and longer after an outage.
UNTOUCHED_DAYS = 2
log = structlog.get_logger("pomelo.audit")


def compact_heads(*, today: date) -> int:
    """Remove from this machine's file the heads that later ones of days that are over have replaced; return how many, once a day.

    The new file is complete on disk before it takes the old one's place. Raises OSError.
    """
    path, done = own_file(), own_file().with_suffix(".compacted")
    if not path.exists() or (done.exists() and done.read_text() == today.isoformat()):
        return 0
    with locked(path):
        keep, removed = _lines_to_keep(path, today - timedelta(days=UNTOUCHED_DAYS))
        if removed:
            _rewrite(path, keep)
            log.info("audit_heads_file_compacted", file=str(path), removed=removed)
    done.write_text(today.isoformat())
    return removed


def _lines_to_keep(path: Path, before: date) -> tuple[set[int], int]:
    """Return the numbers of the lines that stay, and how many go."""
    # Of all machines together: what one file alone does not betray, two may.
    _, excepted = read_exported()
    keep: set[int] = set()
    last: dict[Chain, int] = {}
    others: dict[Chain, list[int]] = {}
    count = 0
    for number, record in enumerate(_records(path), start=1):
        count = number
        if record is None or "dropped" in record or "day" not in record:
            keep.add(number)
            continue
        chain = Chain.from_json(record)
        if "restored" in record:
            excepted.add(chain)
        if chain.day >= before or "restored" in record:
            keep.add(number)
        else:
            others.setdefault(chain, []).append(number)
            last[chain] = number
    keep.update(last.values())
    for chain in excepted:
        keep.update(others.get(chain, ()))
    return keep, count - len(keep)


def _records(path: Path) -> Iterator[dict[str, Any] | None]:
    with path.open("rb") as file:
        for line in file:
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:  # cut off by a crash: it stays as it is
                yield None


def _rewrite(path: Path, keep: set[int]) -> None:
    building = path.with_suffix(".building")
    descriptor = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as new, path.open("rb") as old:
        new.writelines(line for number, line in enumerate(old, start=1) if number in keep)
        new.flush()
        os.fsync(new.fileno())
    building.replace(path)
