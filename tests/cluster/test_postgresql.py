"""Each installed major version of PostgreSQL, PgBouncer, and multi-host URLs."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tests.cluster.conftest import system_program
from tests.cluster.life import WRITES, live
from tests.cluster.servers import MigratedServers
from tests.core.valkey_servers import free_port
from tests.engines import FOLDER_PREFIX, _identity, private_platform

PGBOUNCER = "/usr/sbin/pgbouncer"


@pytest.mark.parametrize("version", [15, 16, 17, 18])
def test_postgresql_version_is_supported(
    version: int,
    migrated_servers: MigratedServers,
    monkeypatch: pytest.MonkeyPatch,
    seen: Any,
) -> None:
    with migrated_servers.platform_on(version, monkeypatch) as (_, environment, exact):
        assert exact.startswith(str(version))
        live(environment)
    seen(
        f"PostgreSQL {exact}",
        f"migrations, {WRITES} writes by eight threads on two processes, `verify_platform`",
    )


def test_pgbouncer_transaction_pooling_is_supported(seen: Any) -> None:
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
            [str(program), f"{folder}/pgbouncer.ini"], folder=folder, death_signal=signal.SIGTERM
        )
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as bouncer:
            try:
                through = f"postgresql://app:{quote(password)}@127.0.0.1:{port}/{server['dbname']}"
                live(environment | {"DATABASE_URL": through})
            finally:
                bouncer.terminate()
                if sys.exc_info()[0]:
                    print((folder / "log").read_text())
    version = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    seen(f"PgBouncer {version}, transaction pooling, 3 server connections", "the same, `app` through it")


def test_multi_host_url_finds_the_primary(seen: Any) -> None:
    with private_platform() as (_, environment):
        before, _, host = environment["DATABASE_URL"].partition("?host=")
        several = f"{before}?host=/nowhere,{host}&target_session_attrs=read-write"
        live(environment | {"DATABASE_URL": several})
    seen("several hosts in DATABASE_URL, the first of them dead", "the same")
