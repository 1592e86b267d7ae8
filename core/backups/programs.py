"""Finds PostgreSQL client programs that match a server, and runs them with progress reports."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from django.db import connections

from core.engines.errors import EngineError
from core.engines.programs import postgres_program

OWNER = "owner"
_VERSION = re.compile(r"\) (\d+)")


class BackupError(RuntimeError):
    """A backup or restore failed. The message says why and what to do."""


def owner_parameters() -> dict[str, Any]:
    """Return the libpq parameters for the role `owner` (DATABASE_OWNER_URL)."""
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    found = connections[OWNER].get_connection_params()
    return {name: value for name, value in found.items() if name in known and value is not None}


def find_program(name: str, server: int) -> Path:
    """Return a program for a server with major version `server`: of the same version, or else a later one.

    Searches PATH, the versioned folders of distributions, and the packaged programs. Raises BackupError.
    """
    candidates = [Path(found) for found in [shutil.which(name)] if found]
    candidates += sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    with contextlib.suppress(EngineError):  # no packaged programs for this platform
        candidates.append(postgres_program(name))
    fitting = {version: program for program in candidates if (version := _major(program)) >= server}
    if not fitting:
        raise BackupError(
            f"There is no {name} for PostgreSQL {server} on this machine: install postgresql-client-{server}."
        )
    return fitting[min(fitting)]


def _major(program: Path) -> int:
    done = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = _VERSION.search(done.stdout)
    return int(found[1]) if found else 0


def run_program(
    command: list[str], *, parameters: dict[str, Any], step: re.Pattern[str], on_step: Callable[[], None]
) -> None:
    """Run a PostgreSQL program as the role of `parameters`, calling `on_step` for each output line that starts with `step`.

    The password is passed in the environment, which other users cannot read. Raises BackupError with the end of the program's
    output.
    """
    shown = {name: value for name, value in parameters.items() if name != "password"}
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": tempfile.gettempdir(),
        "LC_ALL": "C",
        "PGPASSWORD": str(parameters.get("password", "")),
    }
    program, *arguments = command
    full = [program, f"--dbname={psycopg.conninfo.make_conninfo(**shown)}", "--verbose", *arguments]
    last: list[str] = []
    with subprocess.Popen(full, env=environment, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stderr is not None
        for line in process.stderr:
            if step.match(line):
                on_step()
            last = [*last[-19:], line.rstrip()]
    if process.returncode != 0:
        message = "\n".join(line for line in last if "error" in line.lower()) or "\n".join(last)
        raise BackupError(f"{Path(program).name} failed:\n{message}")
