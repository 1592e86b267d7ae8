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
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
