"""`manage.py restore`: restore a backup in the right order, and check that it is complete."""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from core.backups.bar import Bar
from core.backups.loading import load
from core.backups.programs import OWNER, BackupError
from core.valkey import commands


def _jobs(text: str) -> int:
    if not text.isdigit() or not 2 <= int(text) <= 64:
        raise ArgumentTypeError("a number from 2 to 64")
    return int(text)


class Command(BaseCommand):
    """Loads the dump, compares it with its manifest, migrates, empties Valkey, and verifies platform and audit trail."""

    help = (
        "Restore a backup made by `manage.py backup` into the empty database of DATABASE_OWNER_URL, with the platform stopped. Privileges, "
        "policies and rows are compared with the backup; then migrations run, Valkey is emptied, and `verify_platform` and "
        "`verify_audit` check the result. DATABASE_ADMIN_URL is used to create missing roles and the database."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the backup folder and the options."""
        parser.add_argument("backup", type=Path, help="the folder that `manage.py backup` created")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="first delete everything in the database; without it, a database with tables is refused",
        )
        parser.add_argument(
            "--accept-loss",
            action="store_true",
            help="accept that what the exported audit heads record beyond the backup is gone",
        )
        parser.add_argument(
            "--keep-valkey",
            action="store_true",
            help="do not empty Valkey (it is shared): delete Pomelo's keys yourself",
        )
        parser.add_argument(
            "--jobs", type=_jobs, default=2, help="tables loaded in parallel, 2 to 64 (default: 2)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the steps. Raises CommandError at the first failure."""
        try:
            with Bar() as bar:
                load(
                    options["backup"].resolve(),
                    replace=options["replace"],
                    jobs=options["jobs"],
                    on_progress=bar.show,
                )
        except (BackupError, psycopg.Error, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Rows, privileges and policies match the backup.")
        connections[OWNER].close()  # its cached plans and schema are outdated
        call_command("migrate", database=OWNER, interactive=False, verbosity=1, stdout=self.stdout)
        self._empty_valkey(keep=options["keep_valkey"])
        call_command("verify_platform", accept_loss=options["accept_loss"], stdout=self.stdout)
        call_command("verify_audit", stdout=self.stdout)
        self.stdout.write("Restored. Start web, workers and beat.")

    def _empty_valkey(self, *, keep: bool) -> None:
        """Empty Valkey, because its state of keys and limits may be newer than the database."""
        if keep:
            self.stdout.write("Valkey was left as is: empty it before anything starts serving.")
            return
        try:
            commands.empty()
        except commands.ValkeyUnavailable as error:
            raise CommandError(
                f"The database is restored, but Valkey could not be emptied ({error}). Empty it (FLUSHALL), then run "
                "`manage.py verify_platform` and `manage.py verify_audit`."
            ) from error
        self.stdout.write("Valkey is empty.")
