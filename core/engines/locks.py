"""Who is at work in a data folder: locks that end with the process that holds them."""

import fcntl
import os
from pathlib import Path
from typing import IO

ENGINES_LOCK = "engines.lock"


def acquire_lock(data_dir: Path, name: str = ENGINES_LOCK) -> IO[str] | None:
    """Take a lock in the folder and leave our process id in it; None when another process holds it."""
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
    """Return the id of the process that holds a lock (by default: runs the engines) of `data_dir`, if any does."""
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
