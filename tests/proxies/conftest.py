"""Collected by `make test-proxies` only: each installed proxy, with its configuration from deploy/proxies, in front of a real server."""

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.run.certificate import ensure_certificate
from tests.live import WebProcess, web_process
from tests.proxies.servers import PROXIES, Proxy, proxy_process

METRICS_TOKEN = secrets.token_hex(32)
HELD: Counter[tuple[str, str]] = Counter()
collect_ignore_glob = [] if os.environ.get("POMELO_TEST_PROXIES") else ["test_*.py"]


@pytest.fixture(scope="session", params=["x", "forwarded"])
def web(request: pytest.FixtureRequest) -> Iterator[WebProcess]:
    """Pomelo, told of its clients by X-Forwarded-For and -Proto, and by RFC 7239's Forwarded."""
    environment = {
        "TRUSTED_PROXIES": "127.0.0.1/32",
        "REQUIRE_HTTPS": "true",
        "FORWARDED_HEADER": request.param,
        "METRICS_TOKEN": METRICS_TOKEN,
    }
    with web_process(threads=4, environment=environment) as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return ensure_certificate(tmp_path_factory.mktemp("tls") / "tls", ["localhost"], now=datetime.now(UTC))


@pytest.fixture(scope="session", params=PROXIES)
def running(
    request: pytest.FixtureRequest, web: WebProcess, certificate: Any, tmp_path_factory: Any
) -> Iterator[Proxy]:
    """Each of the proxies; skipped where it is not installed."""
    with proxy_process(request.param, web.port, certificate, tmp_path_factory.mktemp(request.param)) as found:
        yield found


@pytest.fixture
def proxy(running: Proxy) -> Proxy:
    """The proxy, and a client that has not failed before. The proxy's own address, which is trusted, is 127.0.0.1."""
    return replace(running, client=f"127.{secrets.randbelow(250) + 1}.{secrets.randbelow(250) + 1}.7")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count what held, by test and proxy."""
    name, _, parameters = report.nodeid.rpartition("::")[2].partition("[")
    if report.when == "call" and report.passed:
        HELD[name, parameters.partition("-")[0]] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of docs/security.md."""
    if HELD:
        terminalreporter.section("proxies")
        terminalreporter.write_line(f"| what held | {' | '.join(PROXIES)} |")
        for name in dict.fromkeys(name for name, _ in HELD):
            words = name.removeprefix("test_").replace("_", " ")
            counts = " | ".join(str(HELD[name, proxy]) for proxy in PROXIES)
            terminalreporter.write_line(f"| {words} | {counts} |")
