"""`manage.py prune_audit`: drop days older than AUDIT_RETENTION_DAYS."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from audit.retention import find_expired, prune, prune_expired_bodies
from core import clock


class Command(BaseCommand):
    """Drops expired days of the trail and the request log; with --dry-run only lists them."""

    help = "Drop audit entries and requests older than AUDIT_RETENTION_DAYS, a whole day at a time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Know --dry-run."""
        parser.add_argument(
            "--dry-run", action="store_true", help="list what would be dropped, and drop nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """List or drop."""
        today = clock.now().date()
        if not options["dry_run"]:
            prune_expired_bodies(now=clock.now())
        tables = find_expired(today) if options["dry_run"] else prune(today=today)
        for table in tables:
            self.stdout.write(str(table))
        done = "would be dropped" if options["dry_run"] else "dropped"
        self.stdout.write(f"{len(tables)} tables {done}; {settings.AUDIT_RETENTION_DAYS} days are kept.")
