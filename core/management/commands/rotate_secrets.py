"""`manage.py rotate_secrets`: bring what is stored under the current secrets, and say which former ones are still needed."""

from typing import Any

from django.core.management.base import BaseCommand

from core.security.rotation import STEPS


class Command(BaseCommand):
    """Takes every step of core.security.rotation. May be interrupted, repeated, and run beside a serving platform."""

    help = "Move stored values to the current secrets; report which old secrets can be removed from the settings."

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell the progress, and at the end of each step whether the former secret may go."""
        for name, step in STEPS.items():
            unneeded = step(tell=self.stdout.write)
            verdict = "its old values can be removed" if unneeded else "its old values are still needed"
            self.stdout.write(f"{name}: {verdict}.")
