"""`manage.py verify_audit`: check every row against its seal, and every chain against its signed head."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from audit.seals.heads import chain_of, exported_heads
from audit.verification import Finding, list_heads, verify_chain, verify_days
from core.management import arguments

SHOWN = 20


class Command(BaseCommand):
    """Verifies the trail. Fails if anything was tampered with, naming the first bad rows."""

    help = "Check audit entries and requests against their seals and signatures."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Know --day."""
        parser.add_argument("--day", type=arguments.day, help="only this day (YYYY-MM-DD)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify with a progress bar. Raises CommandError if anything is wrong."""
        heads = [head for head in list_heads() if options["day"] in (None, head.day)]
        exported, findings, rows = exported_heads(), [], 0
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("Chains", total=len(heads))
            for head in heads:
                findings += list(verify_chain(head, exported.get(chain_of(head))))
                rows += head.rows
                progress.advance(task)
        # A chain removed together with its head is not in the list of heads; it is detected here.
        findings += list(verify_days(options["day"]))
        self.stdout.write(
            f"{len(heads)} chains with {rows} rows checked; {len(exported)} exported heads compared."
        )
        if findings:
            raise CommandError(self._summary(findings))
        self.stdout.write(
            "Nothing was changed, removed, inserted, moved or cut off."
            if heads
            else "Nothing is known of this day: neither rows nor seals nor exported heads."
        )

    def _summary(self, findings: list[Finding]) -> str:
        lines = [f"{len(findings)} findings; the first:", *(f"  {finding}" for finding in findings[:SHOWN])]
        return "\n".join(lines)
