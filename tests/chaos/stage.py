"""A complete private platform: engines, web, two workers and beat, each restarted when killed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

import psutil
import psycopg
import urllib3

from core.engines.pair import DATABASE, Engines
from core.engines.secret_files import ensure_secrets
from tests.live import kill_group

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 6
WORKER_SETTLES_SECONDS = 3
CELERY = ["celery", "--quiet", "--app", "config.celery"]
BARE = ["--without-mingle", "--without-gossip", "--without-heartbeat"]


def worker(name: str) -> list[str]:
    """Return the command of a worker with one pool process."""
    return [*CELERY, "worker", "-n", f"{name}@chaos", "--loglevel", "WARNING", "-c", "1", *BARE]


def answers(pool: urllib3.PoolManager, url: str) -> bool:
    """Return whether a probe succeeds."""
    with contextlib.suppress(urllib3.exceptions.HTTPError):
        return bool(pool.request("GET", url).status == 200)
    return False


class Stage:
    """Starts everything on entry, stops everything on exit."""

    def __init__(self, data_dir: Path | None = None, database: str = DATABASE) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pomelo-test-chaos-", ignore_cleanup_errors=True)
        self.data_dir = data_dir or Path(self._folder.name)
        self.engines = Engines(self.data_dir, durable=True)
        self.database = database
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.guard = threading.Lock()  # held while a part is being killed or started
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self.failed_starts: list[str] = []

    def __enter__(self) -> Self:
        self.engines.start()
        if self.database != DATABASE:
            return self  # it came with the folder, migrated
        try:
            self.manage("migrate", "--database=owner", "--verbosity=0")
        except BaseException:
            self.engines.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        if self._keeper.is_alive():
            self._keeper.join()
        for process in self.processes.values():
            kill_group(process)
        self.engines.stop()
        self._folder.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process of the platform."""
        secrets = ensure_secrets(self.data_dir)
        return {
            **os.environ,
            **{name: value for name, value in secrets.items() if not name.startswith(("POSTGRES", "VALKEY"))},
            "DATABASE_URL": self.engines.database_url("app", self.database),
            "DATABASE_OWNER_URL": self.engines.database_url("owner", self.database),
            "VALKEY_URL": self.engines.valkey.url,
            "CELERY_BROKER_URL": self.engines.valkey.broker_url,
            "DATA_DIR": str(self.data_dir),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
            "WEBHOOK_LEASE_SECONDS": str(LEASE_SECONDS),
            "WEBHOOK_TIMEOUT_SECONDS": "3",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WEB_WORKERS": "1",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }

    def manage(self, *arguments: str) -> None:
        """Run a management command."""
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, check=True)

    def run_module(self, name: str, *arguments: str) -> str:
        """Run a Python module in the platform's environment and return what it prints."""
        return subprocess.run(
            [sys.executable, "-m", name, *arguments],
            cwd=ROOT, env=self.environment, check=True, stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip

    def commands(self) -> dict[str, list[str]]:
        """The command of each part by name."""
        return {
            "web": [sys.executable, "-m", "config.door.web"],
            "worker 1": worker("one"),
            "worker 2": worker("two"),
            "beat": [*CELERY, "beat", "--loglevel", "WARNING", "--pidfile=", "--schedule", str(self.data_dir / "beat")],
        }  # fmt: skip

    def environment_of(self, name: str) -> dict[str, str]:
        """The environment of the part `name`."""
        return self.environment

    @property
    def urls(self) -> list[str]:
        """The URLs of the web servers."""
        return [self.url]

    def start(self) -> None:
        """Start every part, and wait until the web servers respond."""
        self._commands = self.commands()
        for name in self._commands:
            self._start(name)
        self._keeper.start()
        deadline = time.monotonic() + 180
        pool = urllib3.PoolManager(retries=False, timeout=2)
        for url in self.urls:
            while not answers(pool, f"{url}/healthz"):
                if time.monotonic() > deadline:
                    raise RuntimeError("The web server did not start.")
                time.sleep(0.2)

    def pids(self, name: str, *, children_only: bool = False) -> list[int]:
        """Return the process IDs of a part, the main process first."""
        process = self.processes[name]
        try:
            children = [each.pid for each in psutil.Process(process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            children = []
        return children if children_only else [process.pid, *children]

    def is_up(self, name: str) -> bool:
        """Return whether a part works: the web server is ready, a worker has had a pool process for a while."""
        if name == "web":
            return answers(urllib3.PoolManager(retries=False, timeout=2), f"{self.url}/readyz")
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.processes[name].pid).children()
            return any(time.time() - child.create_time() > WORKER_SETTLES_SECONDS for child in children)
        return False

    def query(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        """Run a statement as PostgreSQL's superuser, who sees every row."""
        with psycopg.connect(self.engines.superuser_url, dbname=self.database) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def _start(self, name: str) -> None:
        with (self.data_dir / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self._commands[name],
                cwd=ROOT,
                env=self.environment_of(name),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _keep(self) -> None:
        """Restart dead parts, like a supervisor, which tries again when a start fails."""
        while not self._ending.wait(0.2):
            with self.guard:
                self.failed_starts += [
                    attempt.problem for attempt in self.engines.revive() if attempt.problem
                ]
                for name, process in self.processes.items():
                    if process.poll() is not None:
                        kill_group(process)  # remaining processes of its group would occupy the port
                        self._start(name)
