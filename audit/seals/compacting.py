"""Keeping the file of exported heads small: of a day that is over, the last head of each chain proves what all those before it did.

A head's digest is chained over every seal before it, so an older head of the same chain says nothing more. A chain that was exported again
from an earlier end keeps every line: that is what betrays it.
"""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import structlog

from audit.seals.heads import heads_files, locked, own_file, read_exported
from audit.signing import Chain

# The last rows of a day are sealed a little after midnight, and longer after an outage. A machine that has not written for as long
# (a container's name is gone with it) writes no more, or will find the file that took the place of its own.
UNTOUCHED_DAYS = timedelta(days=2)
# Beside the files, each with the name of its own there: what is being written, and the day on which it was compacted.
BUILDING, COMPACTED = ".building", ".compacted"
log = structlog.get_logger("pomelo.audit")


def compact_heads(*, today: date) -> int:
    """Remove the heads that later ones of days that are over have replaced, each file at most once a day; return how many.

    From this machine's file, and from those in the same folder that nobody has written to for two days. Each new file is complete on
    disk before it takes the old one's place. Raises OSError when all others are done.
    """
    due = [path for path in heads_files() if _is_due(path, today)]
    if not due:
        return 0
    # Of all machines together: what one file alone does not betray, two may.
    _, excepted = read_exported()
    removed, failure = 0, None
    for path in due:
        try:
            removed += _compact(path, today, excepted)
        except OSError as error:
            log.warning("audit_heads_file_not_compacted", file=str(path), error=str(error))
            failure = error
    if failure is not None:
        raise failure
    return removed


def _is_due(path: Path, today: date) -> bool:
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    if path != own_file() and modified >= today - UNTOUCHED_DAYS:
        return False
    done = _compacted_on(path)
    # When all that is in it was over at the last time, there is nothing left to remove.
    return done is None or (done < today and modified >= done - UNTOUCHED_DAYS)


def _compacted_on(path: Path) -> date | None:
    try:
        return date.fromisoformat(_beside(path, COMPACTED).read_text())
    except (FileNotFoundError, ValueError):  # a crash has cut it off
        return None


def _compact(path: Path, today: date, excepted: set[Chain]) -> int:
    with locked(path):
        if not _is_due(path, today):  # another machine was quicker
            return 0
        keep, removed = _lines_to_keep(path, today - UNTOUCHED_DAYS, excepted)
        if removed:
            _rewrite(path, keep)
            log.info("audit_heads_file_compacted", file=str(path), removed=removed)
        _beside(path, COMPACTED).write_text(today.isoformat())
    return removed


def _lines_to_keep(path: Path, before: date, forked: set[Chain]) -> tuple[set[int], int]:
    """Return the numbers of the lines that stay, and how many go."""
    excepted = set(forked)
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
    building, written = _beside(path, BUILDING), path.stat()
    descriptor = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as new, path.open("rb") as old:
        new.writelines(line for number, line in enumerate(old, start=1) if number in keep)
        new.flush()
        os.fsync(new.fileno())
    # When its machine last wrote is what tells whether it still does.
    os.utime(building, ns=(written.st_atime_ns, written.st_mtime_ns))
    building.replace(path)


def _beside(path: Path, folder: str) -> Path:
    """Return the file of the same name in a folder beside `path`: no other file's, whatever the names of machines are."""
    parent = path.parent / folder
    parent.mkdir(exist_ok=True, mode=0o700)
    return parent / path.name
