"""Management commands in a process of their own, which is forked: importing the platform takes longer than most of them (tests.forked)."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

from django.core.management import execute_from_command_line


def run_command(arguments: Sequence[str]) -> tuple[int, str]:
    """Run `manage.py` with these arguments. Return its exit status, and its standard error followed by its standard output."""
    output, errors = io.StringIO(), io.StringIO()
    status = 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            execute_from_command_line(["manage.py", *arguments])
        except SystemExit as end:
            status = int(end.code or 0)
    return status, errors.getvalue() + output.getvalue()


def run_commands(commands: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
    """Run several, one after the other."""
    return [run_command(arguments) for arguments in commands]
