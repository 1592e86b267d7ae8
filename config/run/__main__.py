"""`python -m config.run`, behind `make run`: engines, migrations, demo data, then every process of the Procfile."""

import datetime as dt
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from honcho.manager import Manager
from rich.console import Console

from config.door.web import prepare_metrics
from config.run.banner import mail_destination, show_banner
from config.run.certificate import ensure_certificate
from config.run.options import (
    ROOT,
    RunOptions,
    UsageError,
    allowed_hosts,
    child_environment,
    read_options,
    require_free_port,
)
from config.run.processes import DEV_PROCFILE, PROCFILE, make_manager
from config.run.supervise import PATIENCE_SECONDS, bound_command
from core.engines.envfile import write_env_file
from core.engines.errors import EngineError
from core.engines.locks import RUN_LOCK, acquire_lock, lock_holder
from core.engines.pair import Engines
from core.engines.secret_files import ensure_secrets

RUN_FILE = "run.env"
console = Console(highlight=False, soft_wrap=True)


class StopRequestedError(BaseException):
    """Ctrl-C or SIGTERM arrived before the processes started. Not an Exception, so that it is not handled as a failure."""


class StepFailedError(Exception):
    """A preparation step failed. Its output has been shown."""


def _request_stop(_number: int, _frame: object) -> None:
    raise StopRequestedError


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print the step, and afterwards how long it took."""
    began = time.monotonic()
    console.print(f"  {what}...")
    yield
    console.print(f"  {what}: done in {time.monotonic() - began:.1f} s")


class Run:
    """One run of the platform in the foreground."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.certificate: tuple[Path, Path] | None = None
        self._parent = os.getppid()
        self.environment: dict[str, str] = {}
        self._engines: Engines | None = None
        self._demo: dict[str, Any] | None = None
        self._stopping = threading.Event()
        self._manager: Manager | None = None
        # Only for `make dev`; in `make run`, the web server is one of the manager's processes.
        self._server: subprocess.Popen[bytes] | None = None
        self._failed = False

    def __call__(self) -> int:
        """Run until stopped. Return the exit status."""
        options = self.options
        require_free_port(options)
        options.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as stack:
            lock = acquire_lock(options.data_dir, RUN_LOCK)
            if lock is None:
                holder = lock_holder(options.data_dir, RUN_LOCK)
                raise UsageError(
                    f"Pomelo is already running with DATA_DIR={options.data_dir} (process {holder}). "
                    "A second one needs its own folder and port: make run DATA_DIR=.data2 PORT=8001"
                )
            stack.enter_context(lock)
            self._prepare_secrets()
            if options.needs_engines:
                self._engines = Engines(
                    options.data_dir, postgres=not options.own_database, valkey=not options.own_valkey
                )
                stack.callback(self._stop_engines)
                with step(f"Starting {options.engine_names}"):
                    self._engines.start()
            self._prepare_application()
            return self._run_processes()

    def _prepare_secrets(self) -> None:
        ensure_secrets(self.options.data_dir)
        if self.options.tls:
            self.certificate = self.options.certificate or ensure_certificate(
                self.options.data_dir / "tls", allowed_hosts(self.options.host), now=dt.datetime.now(dt.UTC)
            )
        self.environment = child_environment(self.options, os.environ, self.certificate)
        write_env_file(
            self.options.data_dir / RUN_FILE,
            {name: self.environment[name] for name in ("PUBLIC_URL", "REQUIRE_HTTPS")},
            comment="Where the platform that runs in this folder is reached. Written at each start.",
        )

    def _prepare_application(self) -> None:
        with step("Preparing the database"):
            prepared = subprocess.run(  # noqa: S603 - our own command
                # Do not put demo data into an external database.
                [
                    sys.executable,
                    "manage.py",
                    "prepare_run",
                    *(["--no-demo"] if self.options.own_database else []),
                ],
                cwd=ROOT,
                env=self.environment,
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
        if prepared.returncode != 0:
            raise StepFailedError("The database could not be prepared; see the error above.")
        self._demo = json.loads(prepared.stdout) or None

    def _run_processes(self) -> int:
        # Only for long-running processes: the folder must exist before the metrics library is imported.
        shared = {"PROMETHEUS_MULTIPROC_DIR": str(self.options.data_dir / "metrics")} | self.environment
        prepare_metrics(shared)
        procfile = DEV_PROCFILE if self.options.dev else PROCFILE
        manager = make_manager(shared, procfile, without=() if self._has_sandbox() else ("gateway",))
        self._manager = manager
        try:
            if self.options.dev:
                self._server = self._start_server(shared)
            for watcher in (self._announce, self._keep_watch):
                threading.Thread(target=watcher, daemon=True).start()
            manager.loop()
        finally:
            self._stopping.set()
            if self._server is not None:
                self._stop_server(self._server)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the shutdown
        stopped_by_person = manager.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM)
        if stopped_by_person:
            return 0
        return 1 if self._failed else (manager.returncode or 1)

    def _stop_server(self, server: subprocess.Popen[bytes]) -> None:
        server.terminate()
        try:
            server.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def _has_sandbox(self) -> bool:
        """Whether the sandbox is the gateway, or a previous gateway with unfinished or refundable charges."""
        named = [
            self.environment.get(name, "sandbox" if name == "BILLING_GATEWAY" else "")
            for name in ("BILLING_GATEWAY", "BILLING_FORMER_GATEWAYS")
        ]
        return any("sandbox" in paths for paths in named)

    def _stop_engines(self) -> None:
        if self._engines is not None:
            console.print(f"  Stopping {self.options.engine_names}...")
            self._engines.stop()

    def _start_server(self, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start Django's own server. Not under honcho, which detaches processes from the terminal that a debugger needs."""
        host = self.options.host
        address = f"{f'[{host}]' if ':' in host else host}:{self.options.port}"
        command = [sys.executable, "manage.py", "runserver", "--nostatic", "--skip-checks", address]
        return subprocess.Popen(bound_command(command), cwd=ROOT, env=environment)  # noqa: S603 - our own command

    def _announce(self) -> None:
        """Show the banner as soon as the web server answers."""
        while not self._stopping.is_set():
            if self._responds():
                mail = mail_destination(os.environ, self.options.data_dir)
                certificate = self.certificate[0] if self.certificate else None
                show_banner(console, self.options, self._demo, certificate, mail)
                return
            self._stopping.wait(0.1)

    def _responds(self) -> bool:
        trust = None
        if self.certificate is not None:
            trust = ssl.create_default_context(cafile=str(self.certificate[0]))
        try:
            with urllib.request.urlopen(  # noqa: S310 - our own address
                f"{self.options.url}/healthz", timeout=5, context=trust
            ):
                return True
        except urllib.error.HTTPError:
            return True
        except (OSError, http.client.HTTPException):
            return False

    def _keep_watch(self) -> None:
        """Watch, and then stay: servers end with the thread that restarted them, and are needed while the others stop."""
        self._watch()
        threading.Event().wait()

    def _watch(self) -> None:
        """Restart crashed engines. Stop if `make` has disappeared without a signal, or the reloading web server has exited."""
        below_make = "MAKELEVEL" in os.environ
        while not self._stopping.wait(0.5):
            server, manager = self._server, self._manager
            if below_make and os.getppid() != self._parent and manager is not None:
                manager.terminate()
                return
            # Ctrl-C ends both at the same time, which is not a failure.
            if server is not None and server.poll() is not None and manager and manager.returncode is None:
                console.print(f"  The web server exited ({server.returncode}); stopping everything else.")
                self._failed = True
                manager.terminate()
                return
            if self._engines is not None and not self._engines.attached:
                for attempt in self._engines.revive():
                    if not self._stopping.is_set():
                        console.print(f"  {attempt}", markup=False)  # it may quote a log


def main() -> int:
    """Run the platform. The exit status is 0 if the user stopped it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _request_stop)
    try:
        return Run(read_options(os.environ))()
    except StopRequestedError:
        console.print("  Stopped.")
        return 0
    except (UsageError, EngineError, StepFailedError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
