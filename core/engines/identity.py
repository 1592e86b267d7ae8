"""The user that the servers run as. PostgreSQL refuses to run as root, so root has to switch users (docs/architecture.md, Running)."""

import os
import pwd
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from core.engines.errors import EngineError

LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Identity:
    """The user of a server.

    `same`: the caller. `namespace`: the caller, mapped to `uid` in a user namespace (files still belong to the caller).
    `account`: the account `uid`, which must own the files it writes.
    """

    mode: str
    uid: int
    gid: int

    @property
    def file_owner(self) -> tuple[int, int]:
        """The (uid, gid) that must own the server's files, as seen by the caller."""
        if self.mode == "account":
            return self.uid, self.gid
        return os.geteuid(), os.getegid()

    def command(
        self,
        program: list[str],
        *,
        folder: Path,
        death_signal: signal.Signals | None = None,
    ) -> list[str]:
        """Return the argv that runs `program` as this identity. It gets `death_signal`, if given, when this process ends (Linux)."""
        bound = (os.getpid(), int(death_signal)) if death_signal else (0, 0)
        plan = [self.mode, str(self.uid), str(self.gid), *map(str, bound), str(folder)]
        return [sys.executable, "-I", "-S", str(LAUNCHER), *plan, "--", *program]


def change_owner(path: Path, identity: Identity) -> None:
    """Change the owner of `path` and everything in it to the identity, if necessary. Only for paths in DATA_DIR."""
    uid, gid = identity.file_owner
    status = path.lstat()
    if (status.st_uid, status.st_gid) == (uid, gid) or os.geteuid() != 0:
        return
    for parent, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.lchown(Path(parent, name), uid, gid)
    os.lchown(path, uid, gid)


def choose_identity(*, folder: Path, probe: list[str]) -> Identity:
    """Return the first identity that can write in `folder` and run `probe` (a command that exits immediately).

    `folder` must be empty or disposable, because its owner is changed to the identity being tried.
    Raises EngineError with the reason for each identity if none works.
    """
    if os.geteuid() != 0:
        return Identity("same", os.geteuid(), os.getegid())
    account = _unprivileged_account()
    refusals = []
    for mode in ("namespace", "account"):
        identity = Identity(mode, account.pw_uid, account.pw_gid)
        os.chown(folder, *identity.file_owner)
        attempt = subprocess.run(  # noqa: S603 - our own launcher and the packaged binary
            identity.command(probe, folder=folder), capture_output=True, text=True, check=False
        )
        if attempt.returncode == 0:
            return identity
        refusals.append(f"{mode}: {(attempt.stderr or attempt.stdout).strip()[-300:]}")
    raise EngineError(
        "PostgreSQL refuses to run as root, and this system does not let root switch to another user:\n  "
        + "\n  ".join(refusals)
        + "\nRun as another user, or set DATABASE_URL, DATABASE_OWNER_URL and VALKEY_URL to your own servers."
    )


def _unprivileged_account() -> pwd.struct_passwd:
    """Return an existing account other than root (initdb looks up its user by name). Accounts are never created."""
    for name in ("nobody", "postgres", "daemon"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    for entry in pwd.getpwall():
        if entry.pw_uid != 0:
            return entry
    raise EngineError("This system has no account other than root, and PostgreSQL refuses to run as root.")
