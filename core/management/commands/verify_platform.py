"""`manage.py verify_platform`: after a restore, say what is behind, and repeat what must be repeated."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from core.background.watch import read_all
from core.operations.restoring import STEPS, Broken
from core.postgres.database_role import verify_database_role


class Command(BaseCommand):
    """Takes every step of core.operations.restoring; fails when one of them needs a person. May be run at any time."""

    help = "Check a restored database and complete what its backup caught halfway."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Know --accept-loss."""
        parser.add_argument(
            "--accept-loss",
            action="store_true",
            help="accept that what came after the backup is gone: continue the seal chains from here",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the steps, one line each; raises CommandError when any of them failed."""
        try:
            verify_database_role()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        for name, step in STEPS.items():
            try:
                said = step(accept_loss=options["accept_loss"])
            except Broken as error:  # what follows would build on it
                raise CommandError(
                    f"{name}: {error}. See docs/runbooks/backup-and-restore.md, then run this again."
                ) from error
            self.stdout.write(f"{name}: {said}")
        for reading in read_all():
            late = " (too long)" if reading.is_late else ""
            self.stdout.write(f"{reading.text}: {reading.seconds:.0f} s{late}")
        self.stdout.write("The platform is consistent.")
