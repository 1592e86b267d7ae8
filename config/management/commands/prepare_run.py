"""`manage.py prepare_run`: prepare the database and the demo data for `make run`."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from config.demo import seed_demo
from core.ui.assets import collect_own_files


class Command(BaseCommand):
    """Runs both steps in one process, because importing the application takes longer than either."""

    help = (
        "Migrate as the role `owner` and create the demo company in an empty database. Prints the demo's sign-in and "
        "keys as JSON, or {} when there was nothing to create."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Know --no-demo."""
        parser.add_argument(
            "--no-demo", action="store_true", help="create nothing: the database is somebody's own"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the steps. Progress goes to stderr, the JSON to stdout."""
        collect_own_files()
        call_command("migrate", database="owner", interactive=False, verbosity=1, stdout=sys.stderr)
        self.stdout.write(json.dumps({} if options["no_demo"] else seed_demo()))
