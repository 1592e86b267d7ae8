"""`make run` end to end: from one command to a served request, with nothing left behind."""

import datetime as dt
import json
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

from config.run.certificate import ensure_certificate
from core.engines.locks import lock_holder
from core.engines.process import command_line
from tests.engines import ROOT
from tests.waiting import wait_until

# A first start takes seconds; this is for machines that do much else at the same time.
START_SECONDS = 280
pytestmark = pytest.mark.timeout(900)
# In one process, because each takes longer to start than to work.
COMMANDS = """
from io import StringIO
from django.conf import settings
from django.core.management import call_command

def printed(*arguments):
    call_command(*arguments, stdout=(output := StringIO()))
    return output.getvalue().strip()

print(settings.PUBLIC_URL)
company = printed("create_company", "--name", "Acme", "--owner-email", "a@acme.example")
print(company)
print(printed("issue_key", "--company", company, "--name", "k", "--mode", "test", "--scopes", "customers:read", "--json"))
"""
# What the suite sets for itself must not reach a run that is to find its own way.
OURS = re.compile(
    r"^(DATABASE_|VALKEY_|CELERY_|DJANGO_|POMELO_|PYTEST|DATA_DIR$|SECRET_KEY$|API_KEY|FIELD_|AUDIT_|EMAIL_|PUBLIC_|ALLOWED_|REQUIRE_|LOG_|MAKE)"
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class RunningPlatform:
    """A `make run` of a test's own."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.port = free_port()
        self.data_dir = data_dir
        self.log = data_dir.parent / f"run-{time.monotonic_ns()}.log"
        clean = {name: value for name, value in os.environ.items() if not OURS.match(name)}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.run"],
                cwd=ROOT,
                env=clean | {"DATA_DIR": str(data_dir), "PORT": str(self.port), "COLUMNS": "40"} | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str) -> None:
        def is_there() -> bool:
            assert self.process.poll() is None, self.output
            return text in self.output

        wait_until(is_there, lambda: self.output, seconds=START_SECONDS)

    def family(self) -> list[int]:
        """Every process of the run: they all have the data folder in their environment."""
        marker = f"DATA_DIR={self.data_dir}\0".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    is_ours = marker in (entry / "environ").read_bytes()
                except OSError:
                    continue
                if is_ours or str(self.data_dir) in command_line(int(entry.name)):
                    found.append(int(entry.name))
        return found

    def wait_until_nothing_is_left(self) -> None:
        wait_until(lambda: not self.family(), lambda: [command_line(pid) for pid in self.family()], every=0.1)
        assert lock_holder(self.data_dir) is None


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / ".data"


@pytest.fixture(scope="module")
def first_run(data_dir: Path) -> Iterator[RunningPlatform]:
    """The first start in an empty folder; later tests start again in the same one."""
    platform = RunningPlatform(data_dir)
    try:
        platform.wait_for("Ctrl-C stops everything")
        yield platform
    finally:
        platform.process.terminate()
        try:
            platform.process.wait(60)
        finally:
            platform.process.kill()  # everything else is bound to it


def test_the_printed_curl_works_when_pasted(first_run: RunningPlatform) -> None:
    command = next(line for line in first_run.output.splitlines() if line.startswith("curl -i "))

    answer = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True).stdout

    head, body = answer.split("\n\n", 1)
    assert head.splitlines()[0] == "HTTP/1.1 200 OK"
    for header in (
        "ratelimit-policy",
        "ratelimit",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-request-id",
    ):
        assert re.search(rf"^{header}: \S", head, re.MULTILINE | re.IGNORECASE), header
    assert json.loads(body)["company"]["name"] == "Demo Company"


def test_commands_in_another_terminal_find_the_running_platform(first_run: RunningPlatform) -> None:
    made = manage(first_run.data_dir, "shell", "-v0", "-c", COMMANDS)
    assert made.returncode == 0, made
    address, company, issued = made.stdout.splitlines()
    assert address == f"http://localhost:{first_run.port}"
    assert company.startswith("co_")

    request = urllib.request.Request(
        f"http://localhost:{first_run.port}/v1/whoami",
        headers={"Authorization": f"Bearer {json.loads(issued)['client_secret']}"},
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["company"]["id"] == company


def manage(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not OURS.match(name)}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=clean | {"DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_second_run_in_the_same_folder_is_refused_with_advice(first_run: RunningPlatform) -> None:
    second = RunningPlatform(first_run.data_dir)

    assert second.process.wait(60) == 2
    assert "already running" in second.output
    assert "make run DATA_DIR=.data2 PORT=8001" in second.output


def test_killed_web_server_is_restarted(first_run: RunningPlatform) -> None:
    web = next(
        pid
        for pid in first_run.family()
        if "config.door.web" in command_line(pid) and "supervise.py" not in command_line(pid)
    )

    os.kill(os.getpgid(web), signal.SIGKILL)

    first_run.wait_for("exited with -9; restarting")
    wait_until(lambda: answers(first_run.port), lambda: first_run.output, seconds=START_SECONDS)
    assert first_run.process.poll() is None


def answers(port: int, trust: ssl.SSLContext | None = None) -> bool:
    address = f"{'https' if trust else 'http'}://localhost:{port}/healthz"
    try:
        with urllib.request.urlopen(address, timeout=5, context=trust) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_stop_leaves_no_processes_and_the_next_start_keeps_the_data(
    first_run: RunningPlatform,
) -> None:
    first_run.process.terminate()
    assert first_run.process.wait(60) == 0
    first_run.wait_until_nothing_is_left()
    assert "No engines run" not in first_run.output
    secret = re.search(r"pm_live_\w+", first_run.output)
    assert secret is not None

    # One web process is enough for what follows.
    second = RunningPlatform(first_run.data_dir, WEB_WORKERS="1", WORKER_CONCURRENCY="1")
    second.wait_for("Ctrl-C stops everything")

    assert "pm_live_" not in second.output
    request = urllib.request.Request(
        f"http://localhost:{second.port}/v1/customers", headers={"Authorization": f"Bearer {secret.group()}"}
    )
    with urllib.request.urlopen(request) as answer:
        assert {customer["name"] for customer in json.load(answer)["data"]} >= {
            "Ada Lovelace",
            "Grace Hopper",
        }
    second.process.kill()  # SIGKILL: nobody is told, and still nothing may be left
    second.process.wait()
    second.wait_until_nothing_is_left()

    # The addresses still lie in the folder, but commands believe them only while somebody runs there.
    assert (first_run.data_dir / "engines.env").exists()
    refused = manage(
        first_run.data_dir, "create_company", "--name", "Acme", "--owner-email", "a@acme.example"
    )
    assert refused.returncode != 0
    assert "start Pomelo with `make run`" in refused.stderr


def test_tls_from_1_2_on_is_served_and_plain_http_is_not(tmp_path: Path) -> None:
    certificate, key = ensure_certificate(tmp_path / "tls", ["localhost"], now=dt.datetime.now(dt.UTC))
    port = free_port()
    settings = {
        "PORT": str(port),
        "TLS_CERT_FILE": str(certificate),
        "TLS_KEY_FILE": str(key),
        "WEB_WORKERS": "1",
    }
    web = subprocess.Popen([sys.executable, "-m", "config.door.web"], cwd=ROOT, env=os.environ | settings)
    trust = ssl.create_default_context(cafile=str(certificate))
    try:

        def answers_by_tls() -> bool:
            assert web.poll() is None
            return answers(port, trust)

        wait_until(answers_by_tls, seconds=START_SECONDS)

        assert handshake(port, trust, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
        assert handshake(port, trust, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(port, legacy_client(), ssl.TLSVersion.TLSv1_1)
        with pytest.raises((OSError, HTTPException)):
            urllib.request.urlopen(f"http://localhost:{port}/healthz", timeout=5)
    finally:
        web.terminate()
        assert web.wait(60) == 0


def legacy_client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def handshake(port: int, context: ssl.SSLContext, version: ssl.TLSVersion) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the old versions are what is being refused
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
    with (
        socket.create_connection(("localhost", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        return wrapped.version()
