"""Webhooks: how many deliveries one worker process makes a second, and how soon an event arrives.

`python -m tests.benchmarks.bench_webhooks` starts what it needs and prints one table of ratios from the same run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from core.engines import Engines
from core.engines.secret_files import ensure_secrets

ROOT = Path(__file__).resolve().parents[2]


def measure() -> dict[str, float]:
    """Return the figures of one run on engines of its own, with production's durability."""
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
                [sys.executable, "-m", "tests.benchmarks.webhook_load", port],
                cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        finally:
            receiver.kill()
            receiver.wait()
    return json.loads(ran.stdout.splitlines()[-1])


def table(found: dict[str, float]) -> Table:
    """Return the figures with what they must reach."""
    drawn = Table(title="Webhooks")
    for name in ("figure", "value", "must reach", "aim for"):
        drawn.add_column(name, justify="left" if name == "figure" else "right")
    rows = (
        (
            "deliveries/s per core of the worker (claim, sign, send, record)",
            f"{found['engine']:.0f}/s",
            "",
            "",
        ),
        (
            "  against a bare pooled client of the same library",
            f"{found['engine'] / found['bare']:.0%}",
            "60%",
            "90%",
        ),
        (
            "  against a bare urllib3 pool in a loop",
            f"{found['engine'] / found['sequential']:.0%}",
            "60%",
            "90%",
        ),
        (
            "  the same by the clock on the wall",
            f"{found['engine_wall'] / found['sequential_wall']:.0%}",
            "60%",
            "90%",
        ),
        (
            "  against one Celery task per delivery, by the clock",
            f"{found['engine_wall'] / found['tasks']:.1f} ×",
            "3 ×",
            "",
        ),
        ("events/s per core of the relay (two endpoints each)", f"{found['relay']:.0f}/s", "", ""),
        ("commit to receipt, idle, p50", f"{found['idle_p50']:.0f} ms", "150 ms", ""),
        ("commit to receipt, idle, p95", f"{found['idle_p95']:.0f} ms", "400 ms", ""),
        (
            "the same beside a dead endpoint's backlog of 100,000, p50",
            f"{found['loaded_p50']:.0f} ms",
            "",
            "",
        ),
        ("the same, p95", f"{found['loaded_p95']:.0f} ms", "", ""),
        ("  against idle", f"{found['loaded_p95'] / found['idle_p95']:.2f} ×", "1.5 ×", ""),
        ("samples that arrived", f"{found['received']:.0f} of {found['expected']:.0f}", "all", ""),
    )
    for row in rows:
        drawn.add_row(*row)
    return drawn


def main() -> None:
    """Measure and print."""
    Console().print(table(measure()))


if __name__ == "__main__":
    main()
