"""A smoke test of the platform on given servers: migrate, start, read and write over HTTP, verify."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.core.valkey_servers import free_port
from tests.engines import ROOT

WRITES = 200
PATIENCE_SECONDS = 60


def run(environment: dict[str, str], *arguments: str) -> str:
    """Run Python with these arguments in the platform's environment and return its output."""
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@contextlib.contextmanager
def web(environment: dict[str, str]) -> Iterator[str]:
    """Start a web server with two processes. Yields its URL once it is ready."""
    port = free_port()
    own = environment | {"PORT": str(port), "WEB_WORKERS": "2", "WEB_THREADS": "4", "REQUIRE_HTTPS": "off"}
    with subprocess.Popen([sys.executable, "-m", "config.door.web"], cwd=ROOT, env=own) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 180
            output = "nothing"
            while time.monotonic() < deadline:
                try:
                    with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
                        assert json.load(answer)["status"] == "ready"
                        break
                except urllib.error.HTTPError as refusal:
                    output = refusal.read().decode()
                except OSError as error:
                    output = str(error)
                time.sleep(0.2)
            else:
                raise AssertionError(f"never ready: {output}")
            yield address
        finally:
            process.terminate()


def ask(address: str, secret: str, path: str, body: dict[str, Any] | None = None, key: str = "") -> Any:
    """Call /v1 and return the parsed response, honoring Retry-After. Raises HTTPError for other errors."""
    headers = {
        "Authorization": f"Bearer {secret}",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
    }
    request = urllib.request.Request(
        address + path, data=json.dumps(body).encode() if body else None, headers=headers
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            # All eight callers may hit the same process, which is an overload on a busy machine.
            if refusal.code != 503 or time.monotonic() > deadline:
                raise
            time.sleep(int(refusal.headers["Retry-After"]))


def live(environment: dict[str, str]) -> None:
    """Migrate as the owner, serve, create WRITES customers in eight threads, read them back, and verify the platform."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("POMELO_", "PYTEST"))},
        **environment,
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "EXTENSIONS": "",
        "LOG_LEVEL": "ERROR",
    }
    secret = run(environment, "-m", "tests.cluster.prepare").strip()
    with web(environment) as address, ThreadPoolExecutor(8) as threads:
        assert ask(address, secret, "/v1/whoami")["company"]["name"] == "Acme"
        made = list(
            threads.map(
                lambda n: ask(address, secret, "/v1/customers", {"name": f"C{n}"}, key=f"key-{n}")["id"],
                range(WRITES),
            )
        )
        again = ask(address, secret, "/v1/customers", {"name": "C0"}, key="key-0")["id"]
        assert again == made[0]
        assert len(set(made)) == WRITES
        found: list[str] = []
        cursor = ""
        while True:
            page = ask(address, secret, f"/v1/customers?limit=100{cursor}")
            found += [customer["id"] for customer in page["data"]]
            if not page["has_more"]:
                break
            cursor = f"&starting_after={found[-1]}"
        assert sorted(found) == sorted(made)
    assert "The platform is consistent." in run(environment, "manage.py", "verify_platform")
