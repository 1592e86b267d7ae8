"""Collected only by `make test-cluster`. Prints the results as the table of docs/reliability.md."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.servers import MigratedServers

collect_ignore_glob = [] if os.environ.get("POMELO_TEST_CLUSTER") else ["test_*.py"]
SEEN: list[tuple[str, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for how long nodes are killed."""
    parser.addoption("--seconds", type=float, default=180.0, help="how long nodes are killed (180)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Raise the time limit to a quarter of an hour, because these tests start whole platforms on possibly busy machines."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(900 + config.getoption("--seconds")))


@pytest.fixture(scope="session")
def migrated_servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MigratedServers]:
    """A migrated server of each version that is tested in this run."""
    chosen = (getattr(item, "callspec", None) for item in request.session.items)
    versions = [spec.params["version"] for spec in chosen if spec and "version" in spec.params]
    servers = MigratedServers(tmp_path_factory.mktemp("migrated"), versions)
    yield servers
    servers.end()


@pytest.fixture
def trouble_seconds(request: pytest.FixtureRequest) -> float:
    """How long nodes are killed, in seconds."""
    return float(request.config.getoption("--seconds"))


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Add a row to the table if the test passes: seen("PostgreSQL 15.20", "what was done")."""
    lines: list[tuple[str, str]] = []
    yield lambda what, how: lines.append((what, how))
    SEEN.extend(lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if SEEN:
        terminalreporter.section("servers")
        terminalreporter.write_line("| server | what was done on it |\n|---|---|")
        for what, how in SEEN:
            terminalreporter.write_line(f"| {what} | {how} |")


def system_program(*candidates: str) -> Path:
    """Return the first of these programs that is installed. Skips the test if none is."""
    for name in candidates:
        if Path(name).is_file():
            return Path(name)
    pytest.skip(f"not installed: {' or '.join(candidates)}")
