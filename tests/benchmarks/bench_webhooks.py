"""Webhooks: deliveries per second of one worker process, and the latency from event to delivery.

`python -m tests.benchmarks.bench_webhooks` starts what it needs and prints one table of ratios from the same run.
`--only=rates` and `--only=latency` run a part.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from core.engines.pair import Engines
from core.engines.secret_files import ensure_secrets

ROOT = Path(__file__).resolve().parents[2]


PARTS = ("rates", "latency")
# Name in the results, label, unit, required value, target value.
RATES = (
    ("engine", "deliveries/s per core of the worker (claim, sign, send, record)", "{:.0f}/s", "", ""),
    ("of_sequential", "  against a bare urllib3 pool in a loop", "{:.0%}", "60%", "90%"),
    ("of_bare", "  against a bare aiohttp client, 64 calls at a time", "{:.0%}", "", ""),
    (
        "of_wall",
        "  against the urllib3 loop by the clock on the wall (PostgreSQL and receiver included)",
        "{:.0%}",
        "",
        "",
    ),
    ("of_tasks", "  against one Celery task per delivery, by the clock", "{:.1f} ×", "3 ×", ""),
    ("relay", "events/s per core of the relay (two endpoints each)", "{:.0f}/s", "", ""),
)
LATENCY = (
    ("idle_p50", "commit to receipt, idle, p50", "{:.0f} ms", "150 ms", ""),
    ("idle_p95", "commit to receipt, idle, p95", "{:.0f} ms", "400 ms", ""),
    ("loaded_p50", "the same beside a dead endpoint's backlog of 100,000, p50", "{:.0f} ms", "", ""),
    ("loaded_p95", "the same, p95", "{:.0f} ms", "", ""),
    ("of_idle", "  against idle", "{:.2f} ×", "1.5 ×", ""),
    ("received", "samples that arrived", "{:.0f} of 80", "80", ""),
)


def measure(parts: Sequence[str]) -> dict[str, float]:
    """Return the measurements of one run on private engines with production's durability."""
    with (
        tempfile.TemporaryDirectory(prefix="pomelo-bench-", ignore_cleanup_errors=True) as folder,
        Engines(folder) as engines,
    ):
        environment = {
            **os.environ,
            **ensure_secrets(Path(folder)),
            **engines.environment,
            "DATA_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }
        migrate = [sys.executable, "manage.py", "migrate", "--database=owner", "--verbosity=0"]
        subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
        receiver = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.webhook_receiver"],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert receiver.stdout is not None
            port = receiver.stdout.readline().strip()
            ran = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.webhook_load", port, *parts],
                cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        finally:
            receiver.kill()
            receiver.wait()
    return json.loads(ran.stdout.splitlines()[-1])


def table(found: dict[str, float]) -> Table:
    """Return the measurements with their required values as a table."""
    drawn = Table(title="Webhooks")
    for name in ("figure", "value", "must reach", "aim for"):
        drawn.add_column(name, justify="left" if name == "figure" else "right")
    if "engine" in found:
        found["of_sequential"] = found["engine"] / found["sequential"]
        found["of_bare"] = found["engine"] / found["bare"]
        found["of_wall"] = found["engine_wall"] / found["sequential_wall"]
        found["of_tasks"] = found["engine_wall"] / found["tasks"]
    if "idle_p95" in found:
        found["of_idle"] = found["loaded_p95"] / found["idle_p95"]
    for name, words, unit, least, aim in (*RATES, *LATENCY):
        if name in found:
            drawn.add_row(words, unit.format(found[name]), least, aim)
    return drawn


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=PARTS, default=None)
    only = parser.parse_args().only
    Console().print(table(measure([only] if only else PARTS)))


if __name__ == "__main__":
    main()
