"""Locks on a data folder, which are released when their process exits."""

import fcntl
import os
from pathlib import Path
from typing import IO

ENGINES_LOCK = "engines.lock"
RUN_LOCK = "run.lock"


def acquire_lock(data_dir: Path, name: str = ENGINES_LOCK) -> IO[str] | None:
    """Acquire a lock in the folder and write our process ID to it. Returns None if another process holds it."""
    lock = (data_dir / name).open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def lock_holder(data_dir: Path, name: str = ENGINES_LOCK) -> int | None:
    """Return the ID of the process that holds a lock of `data_dir` (by default that of the engines), if any."""
    path = data_dir / name
    if not path.exists():
        return None
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = path.read_text().strip()
            return int(text) if text else None
    return None
