"""A private folder for unix sockets, within the kernel's path limit."""

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from core.engines.identity import Identity, change_owner

SOCKET_PATH_LIMIT = 103  # sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL included
LONGEST_NAME = "/.s.PGSQL.5432.lock"
_NOTE = "socket_folder"


def make_socket_folder(data_dir: Path, identity: Identity) -> Path:
    """Return a folder (0700) for the sockets of `data_dir`: `run/`, or, if that is too long, one in the temporary folder.

    The name of the latter is recorded in `data_dir`, so that it is removed even after a crash.
    """
    remove_socket_folder(data_dir, identity)
    folder = data_dir / "run"
    if _too_long(folder):
        folder = Path(tempfile.mkdtemp(prefix="pomelo-"))
        if _too_long(folder):
            folder.rmdir()
            folder = Path(tempfile.mkdtemp(prefix="pomelo-", dir="/tmp"))
        (data_dir / _NOTE).write_text(str(folder))
    folder.mkdir(mode=0o700, exist_ok=True)
    change_owner(folder, identity)
    return folder


def remove_socket_folder(data_dir: Path, identity: Identity) -> None:
    """Remove the folder that `make_socket_folder` created outside `data_dir`, if any and if it is still ours."""
    note = data_dir / _NOTE
    if not note.exists():
        return
    folder = Path(note.read_text())
    with contextlib.suppress(FileNotFoundError):
        status = folder.lstat()
        ours = status.st_uid in (os.geteuid(), identity.file_owner[0])
        # It was in a shared folder, so the name may belong to somebody else by now, or be a link.
        if ours and stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o700:
            shutil.rmtree(folder)
    note.unlink()


def _too_long(folder: Path) -> bool:
    return len(os.fsencode(folder)) + len(LONGEST_NAME) > SOCKET_PATH_LIMIT
