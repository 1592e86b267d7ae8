"""PostgreSQL and Valkey of a data folder, started and stopped together."""

import contextlib
import math
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO

import psycopg
import redis

from core.engines.envfile import read_env_file, write_env_file
from core.engines.errors import EngineError
from core.engines.identity import Identity, choose_identity
from core.engines.locks import acquire_lock
from core.engines.postgres import Postgres
from core.engines.programs import postgres_program
from core.engines.roles import apply_roles, ensure_database
from core.engines.secret_files import ensure_secrets
from core.engines.sockets import make_socket_folder, remove_socket_folder
from core.engines.valkey import Valkey

ENGINES_FILE = "engines.env"
DATABASE = "pomelo"
SETTLE_SECONDS = 30
RETRY_SECONDS = 5
REVIVAL_SECONDS = 10
CONNECT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Restart:
    """An attempt to start a server that had died. `problem` says why it does not answer, if it does not."""

    name: str
    problem: str
    is_running: bool

    def __str__(self) -> str:
        if not self.problem:
            return f"{self.name} died and was restarted."
        if self.is_running:
            return f"{self.name} died and was started again, but does not answer yet. {self.problem}"
        return f"{self.name} died and did not start again; this is tried until it does. {self.problem}"


class Engines:
    """Both servers of `data_dir`, as a context manager or with `start()` and `stop()`.

    The process that starts them holds a lock on the folder, and they die with it (on Linux; elsewhere the next start stops
    leftovers of a killed run). If they are already running, `start()` only reads their URLs and `stop()` leaves them running.

    `durable=False` is for tests: no fsync, no append-only file. `postgres=False` and `valkey=False` skip a server that is
    provided externally.
    """

    def __init__(
        self, data_dir: Path | str, *, durable: bool = True, postgres: bool = True, valkey: bool = True
    ) -> None:
        self.data_dir = Path(data_dir).resolve()
        self.attached = False
        self._durable = durable
        self._wanted = (postgres, valkey)
        self._lock: IO[str] | None = None
        self._identity: Identity | None = None
        self._postgres: Postgres | None = None
        self._valkey: Valkey | None = None
        self._failed_at: dict[str, float] = {}
        # Held while servers are started again, and while they are stopped.
        self._changing = threading.Lock()

    def __enter__(self) -> "Engines":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def postgres(self) -> Postgres:
        """The PostgreSQL server. Raises EngineError if this object did not start it."""
        if self._postgres is None:
            raise EngineError("These engines were not started here.")
        return self._postgres

    @property
    def valkey(self) -> Valkey:
        """The Valkey server. Raises EngineError if this object did not start it."""
        if self._valkey is None:
            raise EngineError("These engines were not started here.")
        return self._valkey

    @property
    def superuser_url(self) -> str:
        """The URL of the superuser, database `postgres`."""
        return self.postgres.superuser_url

    @property
    def environment(self) -> dict[str, str]:
        """The URLs as settings: DATABASE_URL, DATABASE_OWNER_URL, VALKEY_URL, CELERY_BROKER_URL."""
        return read_env_file(self.data_dir / ENGINES_FILE)

    def start(self) -> None:
        """Start both servers and wait until they are ready. Raises EngineError with the reason and the end of the log."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = acquire_lock(self.data_dir)
        deadline = time.monotonic() + SETTLE_SECONDS
        while lock is None:
            # The holder of the lock may be running, starting, stopping, or being killed. If the servers respond and the lock is
            # still held afterwards, they are going to stay.
            if self._responds() and (lock := acquire_lock(self.data_dir)) is None:
                self.attached = True
                return
            if time.monotonic() > deadline:
                raise EngineError(f"Another process is starting or stopping the engines of {self.data_dir}.")
            time.sleep(0.1)
            lock = lock or acquire_lock(self.data_dir)
        self._lock = lock
        try:
            self._start_servers()
        except BaseException:
            self.stop()
            raise

    def _responds(self) -> bool:
        """Whether both servers of another process's engines respond."""
        addresses = self.environment
        if not addresses:
            return False
        try:
            if "DATABASE_URL" in addresses:
                with psycopg.connect(
                    addresses["DATABASE_URL"], connect_timeout=CONNECT_SECONDS
                ) as connection:
                    connection.execute("SELECT 1")
            if "VALKEY_URL" in addresses:
                with redis.Redis.from_url(addresses["VALKEY_URL"]) as client:
                    client.ping()
        except (psycopg.Error, redis.RedisError):
            return False
        return True

    def _start_servers(self) -> None:
        (self.data_dir / ENGINES_FILE).unlink(missing_ok=True)
        (self.data_dir / "logs").mkdir(mode=0o700, exist_ok=True)
        secrets = ensure_secrets(self.data_dir)
        with tempfile.TemporaryDirectory(prefix=".probe-", dir=self.data_dir) as probe:
            version = [str(postgres_program("postgres")), "--version"]
            identity = choose_identity(folder=Path(probe), probe=version)
        self._identity = identity
        sockets = make_socket_folder(self.data_dir, identity)
        wants_postgres, wants_valkey = self._wanted
        if wants_postgres:
            self._postgres = Postgres(
                data_dir=self.data_dir,
                sockets=sockets,
                identity=identity,
                superuser_password=secrets["POSTGRES_SUPERUSER_PASSWORD"],
                durable=self._durable,
            )
        if wants_valkey:
            self._valkey = Valkey(
                data_dir=self.data_dir,
                sockets=sockets,
                identity=identity,
                password=secrets["VALKEY_PASSWORD"],
                durable=self._durable,
            )
        for server in self._servers:
            server.start()
        for server in self._servers:
            server.wait_ready()
        if self._postgres is not None:
            apply_roles(
                superuser_url=self._postgres.superuser_url,
                owner_password=secrets["POSTGRES_OWNER_PASSWORD"],
                app_password=secrets["POSTGRES_APP_PASSWORD"],
            )
            ensure_database(superuser_url=self._postgres.superuser_url, name=DATABASE)
        self._write_addresses()

    def _write_addresses(self) -> None:
        addresses: dict[str, str] = {}
        if self._postgres is not None:
            addresses |= {
                "DATABASE_URL": self.database_url("app"),
                "DATABASE_OWNER_URL": self.database_url("owner"),
            }
        if self._valkey is not None:
            addresses |= {"VALKEY_URL": self._valkey.url, "CELERY_BROKER_URL": self._valkey.broker_url}
        write_env_file(
            self.data_dir / ENGINES_FILE,
            addresses,
            comment="Addresses of the running engines; removed when they stop.",
        )

    @property
    def _servers(self) -> list[Postgres | Valkey]:
        return [server for server in (self._valkey, self._postgres) if server is not None]

    def database_url(self, role: str, database: str = DATABASE) -> str:
        """Return the URL of a database for the role `app` or `owner`."""
        password = ensure_secrets(self.data_dir)[f"POSTGRES_{role.upper()}_PASSWORD"]
        return self.postgres.url(role, password, database)

    def revive(self) -> list[Restart]:
        """Start servers that have died again, until `stop()` has begun. Return one result for each attempt.

        All are started before any is waited for, which takes at most REVIVAL_SECONDS each. A server that does not start stops
        neither the other nor the caller, and is tried again by the first call after RETRY_SECONDS.
        """
        with self._changing:
            dead = [server for server in self._servers if self._is_due(server)] if self._lock else []
            refused = {server: _problem_of(server.start) for server in dead}
        attempts = []
        for server, refusal in refused.items():
            problem = refusal or _problem_of(partial(server.wait_ready, REVIVAL_SECONDS))
            name, is_running = server.process.name, server.process.pid is not None
            if problem:
                self._failed_at[name] = time.monotonic()
            attempts.append(Restart(name, problem, is_running=is_running))
        return attempts

    def _is_due(self, server: Postgres | Valkey) -> bool:
        failed_at = self._failed_at.get(server.process.name, -math.inf)
        return server.process.pid is None and time.monotonic() - failed_at >= RETRY_SECONDS

    def stop(self) -> None:
        """Stop the servers that this object started. Idempotent."""
        if self._lock is None:
            self.attached = False
            return
        (self.data_dir / ENGINES_FILE).unlink(missing_ok=True)
        with self._changing, contextlib.ExitStack() as stack:  # each step runs even if another fails
            stack.callback(self._release_lock)
            if self._identity is not None:
                stack.callback(remove_socket_folder, self.data_dir, self._identity)
            for server in self._servers:
                stack.callback(server.stop)

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _problem_of(step: Callable[[], None]) -> str:
    """Take a step of a server's start. Return why it failed, or an empty string."""
    try:
        step()
    except Exception as error:  # whatever it is: who watches the servers must outlive it
        return str(error) or repr(error)
    return ""
