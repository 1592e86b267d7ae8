"""Management commands, one after the other in one process, since importing the platform takes longer than most of them.

Takes a JSON list of argument lists and prints a JSON list of exit statuses and outputs.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from django.core.management import execute_from_command_line


def run_command(arguments: list[str]) -> tuple[int, str]:
    """Run `manage.py` with these arguments. Return its exit status and everything that it printed."""
    output = io.StringIO()
    status = 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            execute_from_command_line(["manage.py", *arguments])
        except SystemExit as end:
            status = int(end.code or 0)
    return status, output.getvalue()


if __name__ == "__main__":
    json.dump([run_command(arguments) for arguments in json.loads(sys.argv[1])], sys.stdout)
