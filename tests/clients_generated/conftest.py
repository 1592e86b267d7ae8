"""Clients generated from the API document, compiled and used with a live server.

Collected by `make test-clients` only, except the one whose generator is a development requirement.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import WebProcess, web_process

ALWAYS = "test_locked_client.py"
collect_ignore = (
    []
    if os.environ.get("POMELO_TEST_CLIENTS")
    else [path.name for path in Path(__file__).parent.glob("test_*.py") if path.name != ALWAYS]
)
HELD: dict[str, list[str]] = {}


@pytest.fixture(scope="module")
def web() -> Iterator[WebProcess]:
    with web_process(workers=1, threads=4, is_forked=True) as server:
        yield server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table: generators by calls."""
    if not HELD:
        return
    calls = list(dict.fromkeys(call for held in HELD.values() for call in held))
    terminalreporter.write_line(f"| call | {' | '.join(HELD)} |")
    terminalreporter.write_line(f"|---|{'---|' * len(HELD)}")
    for call in calls:
        marks = ("held" if call in held else "-" for held in HELD.values())
        terminalreporter.write_line(f"| {call} | {' | '.join(marks)} |")
