#!/usr/bin/env python
"""Django's command line for Pomelo."""

import gc
import os
import sys


def main() -> None:
    """Run the management command named on the command line."""
    # What is imported stays; looking through it for garbage again and again takes a seventh of a short command's time.
    gc.set_threshold(10_000, 20, 50)
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
