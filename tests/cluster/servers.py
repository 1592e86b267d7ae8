"""A migrated PostgreSQL of each installed major version. Each is migrated once per run, and tests use copies of it.

Migrating takes most of a short test's time, so it runs in separate processes alongside the first tests.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
import pytest

from core.engines import programs as wheel
from core.engines.pair import Engines
from tests.engines import ROOT, migrate_template, private_platform

PACKAGED = int(wheel.POSTGRES_VERSION)


def programs_of(version: int) -> Path | None:
    """Return the folder of a version's programs (POSTGRES_16_BIN overrides it), or None if it is not installed."""
    named = os.environ.get(f"POSTGRES_{version}_BIN")
    for folder in filter(None, (named, f"/usr/lib/postgresql/{version}/bin")):
        if Path(folder, "postgres").is_file():
            return Path(folder)
    return None


class MigratedServers:
    """Starts migrating an empty server of each of `versions`, except the packaged one, which the run already has."""

    def __init__(self, folder: Path, versions: Iterable[int]) -> None:
        self._folder = folder
        self._migrations = {
            version: self._begin(version, programs)
            for version in sorted({*versions} - {PACKAGED})
            if (programs := programs_of(version))
        }

    def _begin(self, version: int, programs: Path) -> subprocess.Popen[bytes]:
        folder = self._folder / str(version)
        command = [sys.executable, "-m", "tests.cluster.servers", str(folder), str(programs)]
        with folder.with_suffix(".log").open("wb") as log:
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    @contextlib.contextmanager
    def platform_on(
        self, version: int, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[tuple[Engines, dict[str, str], str]]:
        """A copy of this version's platform. Yields its engines, its environment, and the server's exact version."""
        with contextlib.ExitStack() as stack:
            folder = None
            if version != PACKAGED:
                programs = programs_of(version)
                if programs is None:
                    pytest.skip(
                        f"not installed: PostgreSQL {version} (POSTGRES_{version}_BIN names its programs)"
                    )
                monkeypatch.setattr(wheel, "other_programs", programs)
                folder = self._folder / str(version)
                assert self._migrations[version].wait() == 0, folder.with_suffix(".log").read_text()
            engines, environment = stack.enter_context(private_platform(migrated=folder))
            with psycopg.connect(engines.superuser_url) as connection:
                [exact] = connection.execute("SHOW server_version").fetchone() or ("",)
            yield engines, environment, str(exact).split()[0]

    def end(self) -> None:
        """Stop all running migrations."""
        for migration in self._migrations.values():
            migration.terminate()
            migration.wait()


def main(folder: str, programs: str) -> None:
    """Create a server in `folder` with these programs, migrate it, and stop it."""
    wheel.other_programs = Path(programs)
    with Engines(folder, durable=False) as engines:
        migrate_template(engines)


if __name__ == "__main__":
    main(*sys.argv[1:])
