"""`manage.py backup`: dump the database, with the manifest that a restore is checked against."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.backups.bar import Bar
from core.backups.dumping import back_up
from core.backups.programs import BackupError


class Command(BaseCommand):
    """Creates a folder with a dump and a manifest while the platform keeps serving."""

    help = (
        "Back up the database as the role `owner` (DATABASE_OWNER_URL) while Pomelo keeps serving. Creates a folder with the dump and a "
        "manifest of its rows, privileges and policies, and prints its path. Back up secrets and AUDIT_HEADS_FILE separately."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the folder."""
        parser.add_argument(
            "into",
            nargs="?",
            type=Path,
            default=settings.DATA_DIR / "backups",
            help="the folder to put it in (default: DATA_DIR/backups; copy it to another machine)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Back up with a progress bar. Raises CommandError with the reason if it fails."""
        try:
            with Bar() as bar:
                folder = back_up(options["into"].resolve(), on_progress=bar.show)
        except (BackupError, psycopg.Error, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(folder))
