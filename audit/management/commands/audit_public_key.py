"""`manage.py audit_public_key`: the public key of this platform's signatures, in the format of AUDIT_VERIFY_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand

from audit.signing import public_key


class Command(BaseCommand):
    """Prints 64 hex digits."""

    help = "Print the public key of AUDIT_SIGNING_KEY."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the key. Raises ImproperlyConfigured if it is invalid."""
        self.stdout.write(public_key().hex())
