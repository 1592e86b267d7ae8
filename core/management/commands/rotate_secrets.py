"""`manage.py rotate_secrets`: re-encrypt stored values with the current secrets, and report which old ones are still needed."""

from typing import Any

from django.core.management.base import BaseCommand

from core.security.rotation import STEPS


class Command(BaseCommand):
    """Runs all steps of core.security.rotation. Can be interrupted, repeated, and run while the platform is serving."""

    help = "Move stored values to the current secrets; report which old secrets can be removed from the settings."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print progress and, after each step, whether the old secret can be removed."""
        for name, step in STEPS.items():
            unneeded = step(report=self.stdout.write)
            verdict = "its old values can be removed" if unneeded else "its old values are still needed"
            self.stdout.write(f"{name}: {verdict}.")
