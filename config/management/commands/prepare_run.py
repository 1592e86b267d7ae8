"""`manage.py prepare_run`: bring the database, the static files and the demo data to where `make run` needs them."""

import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand

from config.demo import seed_demo


class Command(BaseCommand):
    """One process for three steps: importing the application takes longer than each of them."""

    help = (
        "Migrate as the role `owner`, collect static files if any changed, and create the demo company in an empty "
        "database. Prints the demo's sign-in and keys as JSON, or {} when there was nothing to create."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the steps; progress goes to stderr, the JSON to stdout."""
        progress = sys.stderr
        call_command("migrate", database="owner", interactive=False, verbosity=1, stdout=progress)
        self._collect_static(progress)
        self.stdout.write(json.dumps(seed_demo()))

    def _collect_static(self, progress: TextIO) -> None:
        stamp = Path(settings.STATIC_ROOT) / ".collected"
        fingerprint = _fingerprint_of_sources()
        if stamp.is_file() and stamp.read_text() == fingerprint:
            return
        progress.write("Collecting static files...\n")
        call_command("collectstatic", interactive=False, verbosity=0, clear=True, stdout=io.StringIO())
        stamp.write_text(fingerprint)


def _fingerprint_of_sources() -> str:
    """Return a hash over the names, sizes and times of all static sources."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
