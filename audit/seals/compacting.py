"""Compacts the file of exported heads: for a past day, the last head of each chain supersedes the earlier ones.

A head's digest covers every seal before it, so older heads of the same chain add nothing. For a chain that was exported again
from an earlier end, every line is kept as evidence. A round that keeps only some of its heads is signed again.
"""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import structlog

from audit.seals.heads import heads_files, locked, own_file, read_exported
from audit.seals.rounds import read_round, sign_round
from audit.signing import Chain, public_key

# A day's last rows are sealed a little after midnight, or later after an outage. A machine that has not written for this long
# (a container's name disappears with it) no longer writes, or will find the file that has replaced its own.
UNTOUCHED_DAYS = timedelta(days=2)
# Directories beside the files, with a file of the same name in each: the one being written, and the day of the last compaction.
BUILDING, COMPACTED = ".building", ".compacted"
log = structlog.get_logger("pomelo.audit")


def compact_heads(*, today: date) -> int:
    """Remove superseded heads of past days, from each file at most once a day. Return how many were removed.

    Compacts this machine's file, and those in the same directory that have not been written to for two days. Each new file is
    synced before it replaces the old one. Raises OSError after all other files are done.
    """
    due = [path for path in heads_files() if _is_due(path, today)]
    if not due:
        return 0
    # Across all machines, because a fork may only show when their files are combined.
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
    # If everything in it was past at the last compaction, there is nothing left to remove.
    return done is None or (done < today and modified >= done - UNTOUCHED_DAYS)


def _compacted_on(path: Path) -> date | None:
    try:
        return date.fromisoformat(_beside(path, COMPACTED).read_text())
    except (FileNotFoundError, ValueError):  # a crash has cut it off
        return None


def _compact(path: Path, today: date, forked: set[Chain]) -> int:
    with locked(path):
        if not _is_due(path, today):  # another machine was faster
            return 0
        plan = _plan(path, today - UNTOUCHED_DAYS, forked)
        removed = _rewrite(path, plan)
        if removed:
            log.info("audit_heads_file_compacted", file=str(path), removed=removed)
        _beside(path, COMPACTED).write_text(today.isoformat())
    return removed


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which heads are kept: all since `before`, all of `excepted` chains, and the last of every other chain, by its line."""

    before: date
    excepted: set[Chain]
    last: dict[Chain, int]

    def keeps(self, chain: Chain, number: int) -> bool:
        return chain.day >= self.before or chain in self.excepted or self.last[chain] == number


def _plan(path: Path, before: date, forked: set[Chain]) -> _Plan:
    plan = _Plan(before, set(forked), {})
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            for head in _heads_of(line):
                chain = Chain.from_json(head)
                if "restored" in head:
                    plan.excepted.add(chain)
                else:
                    plan.last[chain] = number
    return plan


def _heads_of(line: bytes) -> list[dict[str, Any]]:
    """Return the heads of a line; nothing if it is invalid, for example truncated by a crash."""
    try:
        record = orjson.loads(line)
        heads = read_round(record) if "heads" in record else [record]
    except ValueError:
        return []
    return [head for head in heads if "day" in head and "dropped" not in head]


def _remaining_line(line: bytes, number: int, plan: _Plan) -> tuple[bytes, int]:
    """Return the remaining line, and how many heads were removed from it."""
    heads = _heads_of(line)
    stay = [head for head in heads if "restored" in head or plan.keeps(Chain.from_json(head), number)]
    gone = len(heads) - len(stay)
    if not gone:
        return line, 0
    if not stay:
        return b"", gone
    if heads[0]["round"].signer != public_key():
        # Only rounds signed by the current key may be re-signed in part: it must not vouch for another key's.
        return line, 0
    parts = (
        (Chain.from_json(head), head["seals"], head["rows"], bytes.fromhex(head["digest"])) for head in stay
    )
    return orjson.dumps(sign_round(parts, signed_at=stay[0]["signed_at"])) + b"\n", gone


def _rewrite(path: Path, plan: _Plan) -> int:
    """Replace the file with its remaining lines, if any head is removed. Return how many were."""
    building, written = _beside(path, BUILDING), path.stat()
    descriptor = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    removed = 0
    with os.fdopen(descriptor, "wb") as new, path.open("rb") as old:
        for number, line in enumerate(old, start=1):
            kept, gone = _remaining_line(line, number, plan)
            new.write(kept)
            removed += gone
        new.flush()
        os.fsync(new.fileno())
    if not removed:
        building.unlink()
        return 0
    # Keep the modification time, which tells whether its machine still writes.
    os.utime(building, ns=(written.st_atime_ns, written.st_mtime_ns))
    building.replace(path)
    return removed


def _beside(path: Path, folder: str) -> Path:
    """Return the file of the same name in a directory beside `path`, so that machine names cannot collide."""
    parent = path.parent / folder
    parent.mkdir(exist_ok=True, mode=0o700)
    return parent / path.name
