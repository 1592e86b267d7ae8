"""Private servers for a benchmark: engines with production's durability, databases, web servers."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from core.engines.pair import Engines
from core.engines.roles import ensure_database
from core.engines.secret_files import ensure_secrets
from tests.live import free_port, kill_group

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180
POMELO = "config.wsgi:application"


class Stage:
    """Engines and the environment of processes that use them."""

    def __init__(self, engines: Engines, folder: Path) -> None:
        self._engines = engines
        self._environment = {
            **os.environ,
            **ensure_secrets(folder),
            **engines.environment,
            "DATA_DIR": str(folder),
            "REQUIRE_HTTPS": "false",  # loopback without TLS; everything else as in production
            "LOG_LEVEL": "ERROR",
            "PUBLIC_URL": "http://127.0.0.1",
            "API_KEY_BCRYPT_ROUNDS": "4",  # rounds do not matter on the hot path, but would take hours while seeding
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
        }

    def environment(self, database: str, **extra: str) -> dict[str, str]:
        """Return the environment of a production process that uses `database`."""
        return self._environment | {
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "DATABASE_URL": self._engines.database_url("app", database),
            "DATABASE_OWNER_URL": self._engines.database_url("owner", database),
            "SUPERUSER_URL": self.superuser_url(database),
            **extra,
        }

    def superuser_url(self, database: str) -> str:
        """Return the superuser's URL to `database`."""
        before, _, options = self._engines.superuser_url.partition("?")
        return f"{before.rpartition('/')[0]}/{database}?{options}"

    def postgres_cpu(self) -> float:
        """CPU seconds used by PostgreSQL's processes so far, including exited ones."""
        return _cpu_of(self._engines.postgres.process.pid or 0)

    def valkey_cpu(self) -> float:
        """CPU seconds used by Valkey so far."""
        return _cpu_of(self._engines.valkey.process.pid or 0)

    def make_database(self, name: str) -> None:
        """Create and migrate a database of the product."""
        ensure_database(superuser_url=self._engines.superuser_url, name=name)
        self.manage(name, "migrate", "--database=owner", "--verbosity=0")

    def clone(self, template: str, name: str) -> None:
        """Copy a database."""
        with psycopg.connect(self._engines.superuser_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER owner").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )

    def manage(self, database: str, *arguments: str) -> None:
        """Run a management command."""
        subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment(database), check=True
        )

    def python(self, database: str, module: str, order: Any, **extra: str) -> Any:
        """Run a module that reads JSON and prints JSON in its last line."""
        done = subprocess.run(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=self.environment(database, **extra),
            input=json.dumps(order),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.strip().splitlines()[-1])

    def peer_environment(self, database: str) -> dict[str, str]:
        """Return the environment of the peer, which uses the same kind of database."""
        return self._environment | {
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.peer.settings",
            "PEER_DATABASE_URL": self._engines.database_url("owner", database),
        }

    @contextlib.contextmanager
    def server(self, environment: dict[str, str], application: str) -> Iterator["Server"]:
        """One web worker, with the arguments `make run` gives it."""
        server = Server(environment, application)
        server.start()
        try:
            yield server
        finally:
            server.kill()


class Server:
    """A granian with one worker."""

    def __init__(self, environment: dict[str, str], application: str) -> None:
        self.port = free_port()
        self._environment, self._application = environment, application
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait for /healthz."""
        # The peer uses plain granian; the product brings its own front door.
        command = [
            str(Path(sys.executable).with_name("granian")),
            *("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port)),
            *("--workers", "1", "--blocking-threads", "8", "--no-ws", "--log-level", "error"),
            self._application,
        ]
        ours = {"HOST": "127.0.0.1", "PORT": str(self.port), "WEB_WORKERS": "1", "WEB_THREADS": "8"}
        if self._application == POMELO:
            command = [sys.executable, "-m", "config.door.web"]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self._environment | ours,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz"),
            ):
                return
            time.sleep(0.1)
        self.kill()
        raise RuntimeError(f"{self._application} did not start")

    def kill(self) -> None:
        """Kill the server and its worker."""
        if self._process is not None:
            kill_group(self._process)
            self._process = None

    @property
    def worker(self) -> int:
        """The process id of the worker."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in map(int, children):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
            if "resource_tracker" not in command:
                return pid
        raise RuntimeError("granian has no worker")

    def memory(self) -> float:
        """Resident memory of the worker in MiB."""
        for line in Path(f"/proc/{self.worker}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS")

    def cpu(self) -> float:
        """CPU seconds used by the worker so far, from its CPU clock in nanoseconds (/proc has a resolution of 10 ms)."""
        return time.clock_gettime((~self.worker << 3) | 2)  # clock_getcpuclockid(3), as Linux has it


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and its children, including exited ones."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # exited meanwhile, so its parent counts it
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") + sum(map(_cpu_of, map(int, children)))


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """The engines of a benchmark run. SIGTERM stops them too."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with (
        tempfile.TemporaryDirectory(prefix="pomelo-bench-", ignore_cleanup_errors=True) as folder,
        Engines(folder) as engines,
    ):
        yield Stage(engines, Path(folder))
