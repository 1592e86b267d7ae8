"""`manage.py check_secret`: format and checksum of a secret, offline."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apikeys import keys


class Command(BaseCommand):
    """Check whether a text can be a secret of this product. Reads stdin to keep it out of the shell's history."""

    help = "Read a secret from standard input and check its format and checksum, without database or network."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Check the first line of stdin. Exits with status 1 if it cannot be a secret."""
        try:
            secret = keys.parse(sys.stdin.readline().strip())
        except keys.MalformedSecret as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{secret.display}: format and checksum are valid ({secret.mode} mode).")
        self.stdout.write("Only the server can tell whether such a key exists and still works.")
