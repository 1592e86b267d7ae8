"""`manage.py verify_platform`: check and repair a database after a restore."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from core.background.watch import read_all
from core.operations.restoring import STEPS, Broken
from core.postgres.database_role import verify_database_role


class Command(BaseCommand):
    """Runs all steps of core.operations.restoring. Fails if one needs manual action. Can be run at any time."""

    help = "Check a restored database and complete what its backup caught halfway."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --accept-loss."""
        parser.add_argument(
            "--accept-loss",
            action="store_true",
            help="accept that what came after the backup is gone: continue the seal chains from here",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the steps, printing a line for each. Raises CommandError if any fails."""
        try:
            verify_database_role()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        for name, step in STEPS.items():
            try:
                finding = step(accept_loss=options["accept_loss"])
            except Broken as error:  # later steps depend on it
                raise CommandError(
                    f"{name}: {error}. See docs/runbooks/backup-and-restore.md, then run this again."
                ) from error
            self.stdout.write(f"{name}: {finding}")
        for reading in read_all():
            late = " (too long)" if reading.is_late else ""
            self.stdout.write(f"{reading.text}: {reading.seconds:.0f} s{late}")
        self.stdout.write("The platform is consistent.")
