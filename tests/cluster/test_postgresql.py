"""Each major version of PostgreSQL that is installed, and the ways to stand between it and us."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from core.engines import postgres
from core.engines.pair import Engines
from core.engines.roles import ensure_database
from tests.cluster.conftest import system_program
from tests.cluster.life import WRITES, live
from tests.core.valkey_servers import free_port
from tests.engines import FOLDER_PREFIX, _identity, private_engines, private_platform

PGBOUNCER = "/usr/sbin/pgbouncer"


def programs_of(version: int) -> Path | None:
    """Return the folder of a version's programs; None is the packaged one. Skips when there are none."""
    if version == int(postgres.MAJOR_VERSION):
        return None
    folders = [f"/usr/lib/postgresql/{version}/bin/postgres"]
    if named := os.environ.get(f"POSTGRES_{version}_BIN"):
        folders.insert(0, f"{named}/postgres")
    return system_program(*folders).parent


@contextlib.contextmanager
def platform_on(
    version: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Engines, dict[str, str], str]]:
    """Engines of this version with the empty database `pomelo`; yields them, an environment, and the server's version."""
    monkeypatch.setattr(postgres, "other_programs", programs_of(version))
    with private_engines() as engines:
        ensure_database(superuser_url=engines.superuser_url, name="pomelo")
        with psycopg.connect(engines.superuser_url) as connection:
            exact = connection.execute("SHOW server_version").fetchone()[0].split()[0]
        yield (
            engines,
            engines.environment
            | {
                "DATA_DIR": str(engines.data_dir),
                "DATABASE_URL": engines.database_url("app", "pomelo"),
                "DATABASE_OWNER_URL": engines.database_url("owner", "pomelo"),
            },
            exact,
        )


@pytest.mark.parametrize("version", [15, 16, 17, 18])
def test_a_version_of_postgresql(version: int, monkeypatch: pytest.MonkeyPatch, seen: Any) -> None:
    with platform_on(version, monkeypatch) as (_, environment, exact):
        assert exact.startswith(str(version))
        live(environment)
    seen(
        f"PostgreSQL {exact}",
        f"migrations, {WRITES} writes by eight threads on two processes, `verify_platform`",
    )


def test_pgbouncer_pooling_by_transactions(seen: Any) -> None:
    program = system_program(PGBOUNCER)
    with (
        private_platform() as (_, environment),
        tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as name,
    ):
        folder, port = Path(name), free_port()
        identity = _identity(folder)
        server = psycopg.conninfo.conninfo_to_dict(environment["DATABASE_URL"])
        password = str(server["password"])
        (folder / "users.txt").write_text(f'"app" "{password}"\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n{server['dbname']} = host={server['host']}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\npool_mode = transaction\n"
            f"auth_type = scram-sha-256\nauth_file = {folder}/users.txt\ndefault_pool_size = 3\nlogfile = {folder}/log\n"
        )
        for file in folder.iterdir():
            os.chown(file, *identity.file_owner)
        os.chown(folder, *identity.file_owner)
        command = identity.command(
            [str(program), f"{folder}/pgbouncer.ini"], folder=folder, parent=os.getpid()
        )
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as bouncer:
            try:
                through = f"postgresql://app:{quote(password)}@127.0.0.1:{port}/{server['dbname']}"
                live(environment | {"DATABASE_URL": through})
            finally:
                bouncer.terminate()
                if sys.exc_info()[0]:
                    print((folder / "log").read_text())
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[
        1
    ]
    seen(f"PgBouncer {said}, transaction pooling, 3 server connections", "the same, `app` through it")


def test_a_url_with_several_hosts_finds_the_one_that_takes_writes(seen: Any) -> None:
    with private_platform() as (_, environment):
        before, _, host = environment["DATABASE_URL"].partition("?host=")
        several = f"{before}?host=/nowhere,{host}&target_session_attrs=read-write"
        live(environment | {"DATABASE_URL": several})
    seen("several hosts in DATABASE_URL, the first of them dead", "the same")
