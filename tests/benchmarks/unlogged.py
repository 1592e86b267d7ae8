"""Production's settings without the request log: the other side of what the log costs (bench_audit)."""

from typing import Any

from config.settings.production import *  # noqa: F403

API_REQUEST_LOG = "tests.benchmarks.unlogged.discard"


def discard(entry: dict[str, Any]) -> None:
    """Take no note of a finished request."""
