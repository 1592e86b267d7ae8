"""`manage.py audit_public_key`: the public key that checks this platform's signatures, as AUDIT_VERIFY_KEYS wants it."""

from typing import Any

from django.core.management.base import BaseCommand

from audit.signing import public_key


class Command(BaseCommand):
    """Prints 64 hex digits."""

    help = "Print the public key of AUDIT_SIGNING_KEY."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it. Raises ImproperlyConfigured for a bad key."""
        self.stdout.write(public_key().hex())
