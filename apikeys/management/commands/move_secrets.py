"""`manage.py move_secrets`: move verifiers between PostgreSQL and Vault."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from apikeys.services.moving import count_secrets_outside, move_secrets
from apikeys.stores import StoreUnavailable


class Command(BaseCommand):
    """Move the verifiers of all secrets to another store. Keys keep working throughout."""

    help = (
        "Move the hashes of all secrets to Vault or back. Keys keep working throughout; if interrupted, run it again. "
        "Set SECRET_STORE first, so that new keys go to the new store."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--to", required=True, choices=["vault", "database"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Move with a progress bar."""
        total = count_secrets_outside(options["to"])
        columns = (TextColumn("Moving secrets"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task("move", total=total)
            try:
                moved = move_secrets(to=options["to"], on_progress=lambda count: progress.advance(bar, count))
            except StoreUnavailable as error:
                raise CommandError(f"{error} Nothing is lost; run the command again to continue.") from error
        self.stdout.write(f"{moved} secrets moved to {options['to']}.")
        if left := count_secrets_outside(options["to"]):
            self.stdout.write(f"{left} were changed or created in the meantime: run the command again.")
