"""`make chaos`: five minutes of random failures, reported as a table. `ARGS="--seconds 60"` for a shorter run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.run import Report, run

LEAST_WRITES = 100  # fewer are not significant


def show(report: Report, console: Console) -> None:
    """Print the report as a table."""
    table = Table(title=f"{report.seconds:.0f} s of chaos")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, count in sorted(report.mishaps.items()):
        table.add_row(name, str(count))
    table.add_section()
    for name, value in (
        ("writes accepted (201)", report.accepted),
        ("writes repeated under the same Idempotency-Key", report.repeats),
        ("accepted writes lost", len(report.lost_writes)),
        ("writes executed twice", len(report.double_writes)),
        ("events", report.events),
        ("events delivered at least once", report.delivered),
        ("events lost", len(report.lost_events)),
        ("deliveries the receiver refused or dropped", report.refused_by_receiver),
        ("duplicates", report.duplicates),
        ("claims without a recorded attempt (killed in between)", report.stale_claims),
        ("deliveries that did not verify", report.forged),
        ("unexpected API responses", len(report.surprises)),
        ("accepted to received, median", f"{report.median * 1000:.0f} ms"),
        ("accepted to received, slowest", f"{report.slowest:.1f} s"),
        ("longest silence (max recovery)", f"{report.longest_silence:.1f} s"),
    ):
        table.add_row(name, str(value))
    console.print(table)
    for surprise in report.surprises[:5]:
        console.print(surprise)


def main() -> int:
    """Run and report. The exit status is 1 if anything was lost, or if the run was too short to tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--data-dir", type=Path, default=None)
    arguments = parser.parse_args()
    console = Console()
    report = run(
        arguments.seconds,
        say=console.print,
        seed=arguments.seed,
        data_dir=arguments.data_dir,
        at_least=LEAST_WRITES,
    )
    show(report, console)
    broken = (
        report.lost_writes or report.lost_events or report.double_writes or report.forged or report.surprises
    )
    if report.spared:
        console.print(f"Too short: there was no {', no '.join(sorted(report.spared))}.")
    return 1 if broken or report.spared or report.accepted < LEAST_WRITES else 0


if __name__ == "__main__":
    sys.exit(main())
