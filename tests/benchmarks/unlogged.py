"""Production settings with an optional request log, so that one process can measure the log's cost (bench_guard)."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.utils.module_loading import import_string

from config.settings.production import *  # noqa: F403
from config.settings.production import API_REQUEST_LOG as PRODUCTION_LOG

API_REQUEST_LOG = "tests.benchmarks.unlogged.record"


def record(entry: dict[str, Any]) -> None:
    """Log a finished request, unless it has `X-Log: not`; with `X-Log: kept`, with its bodies."""
    wanted = entry["request"].META["HTTP_X_LOG"]
    if wanted == "kept":
        entry["request"].bodies_until = float("inf")
    if wanted != "not":
        _production_log()(entry)


@cache
def _production_log() -> Callable[[dict[str, Any]], None]:
    found: Callable[[dict[str, Any]], None] = import_string(PRODUCTION_LOG)
    return found
