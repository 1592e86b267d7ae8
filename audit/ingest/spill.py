"""Batches that a process could not ship before it ended: spilled to a file in DATA_DIR, drained by the next process there.

A file contains batches of one stream, one per line, and gets its final name only when it is complete and synced.
Draining may be interrupted and repeated: the writer recognizes rows sent before by their ids.
"""

import fcntl
import os
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from django.conf import settings

# What the files of each stream end in.
REQUESTS = ".batches"
BODIES = ".bodies"


def folder() -> Path:
    """Return the directory of the files."""
    return Path(settings.DATA_DIR) / "request-log"


def keep(batches: Iterable[bytes], *, suffix: str = REQUESTS) -> Path:
    """Write `batches` (sealed, without line breaks) to a new file, synced before this returns. Raises OSError."""
    target = folder() / f"{uuid.uuid4().hex}{suffix}"
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = target.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for batch in batches:
                file.write(batch + b"\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(target)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder()
    return target


def drain(add: Callable[[bytes], bool], *, suffix: str = REQUESTS) -> bool:
    """Pass every spilled batch to `add` and remove the files. Return whether none is left.

    Stops at the first batch that `add` rejects, and keeps its file. Raises what `add` raises, and OSError.
    """
    if not folder().is_dir():
        return True
    return all(_drain_file(path, add) for path in sorted(folder().glob(f"*{suffix}")))


def _drain_file(path: Path, add: Callable[[bytes], bool]) -> bool:
    try:
        file = path.open("rb")
    except FileNotFoundError:  # another process has sent it
        return True
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another process is sending it
            return True
        if not all(add(line.rstrip(b"\n")) for line in file):
            return False
        path.unlink(missing_ok=True)
    return True


def _sync_folder() -> None:
    """Sync the directory entry too."""
    descriptor = os.open(folder(), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
