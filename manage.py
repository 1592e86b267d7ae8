#!/usr/bin/env python
"""Django's command line for Pomelo."""

import os
import sys


def main() -> None:
    """Run the management command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if settings.configured:
            raise
        # What the environment lacks is said in a sentence; where it was read helps nobody.
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
