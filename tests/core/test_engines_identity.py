"""Engines started as root, and below private folders, without changing permissions."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from core.engines.errors import EngineError
from core.engines.identity import Identity, change_owner, choose_identity
from core.engines.pair import Engines
from core.engines.sockets import SOCKET_PATH_LIMIT

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
STRANGER = 54321  # a user id that no account has


@pytest.fixture
def home() -> Iterator[Path]:
    """A home folder, itself below nothing that is ours, that only its owner may enter."""
    folder = Path(tempfile.mkdtemp(prefix="pomelo-home-"))
    yield folder
    shutil.rmtree(folder)


def permissions(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Mode, owner and group of `folder` and of every folder above it."""
    return {
        str(path): (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        for path in (folder, *folder.parents)
        for status in [path.stat()]
    }


@pytest.mark.parametrize("owner", [0, STRANGER])
@as_root
def test_root_runs_the_engines_in_a_private_home(home: Path, owner: int) -> None:
    checkout = home / "checkout"
    checkout.mkdir(mode=0o755)
    for path in (home, checkout):
        os.chown(path, owner, owner)
    before = permissions(checkout)
    assert before[str(home)] == (0o700, owner, owner)

    with Engines(checkout / ".data", durable=False) as engines:
        with psycopg.connect(engines.environment["DATABASE_URL"]) as app:
            assert app.execute("SELECT current_user").fetchone() == ("app",)
        status = Path(f"/proc/{engines.postgres.process.pid}/status").read_text()

    assert permissions(checkout) == before
    assert [path.name for path in checkout.iterdir()] == [".data"]
    # Seen from inside PostgreSQL it is not root (it would have refused); and it cannot gain rights any more.
    assert "NoNewPrivs:\t1" in status


@as_root
def test_system_account_is_used_without_user_namespaces(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Engines(home / ".data", durable=False) as engines:
        assert (home / ".data" / "postgres").stat().st_uid == 0
    tried = without_namespaces(monkeypatch)

    with Engines(home / ".data", durable=False) as engines:  # the same data, now as somebody else
        pid = engines.postgres.process.pid
        status = Path(f"/proc/{pid}/status").read_text()
        with psycopg.connect(engines.environment["DATABASE_URL"]) as app:
            assert app.execute("SELECT 1").fetchone() == (1,)

    assert tried == ["namespace", "account"]
    uid = (home / ".data" / "postgres" / "PG_VERSION").stat().st_uid
    assert uid != 0
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
    # Of root's rights exactly one is left: to pass through folders.
    capabilities = {
        line.split(":")[0]: int(line.split()[1], 16) for line in status.splitlines() if line[:3] == "Cap"
    }
    assert capabilities["CapEff"] in (1 << 1, 1 << 2)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    monkeypatch.undo()
    with Engines(home / ".data", durable=False) as engines:  # and back
        assert (home / ".data" / "postgres" / "PG_VERSION").stat().st_uid == 0


def without_namespaces(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the user-namespace launch fail as a container's seccomp filter does; returns the modes that get tried."""
    tried: list[str] = []
    real = Identity.command

    def command(self: Identity, program: list[str], **options: object) -> list[str]:
        if not tried or tried[-1] != self.mode:
            tried.append(self.mode)
        if self.mode == "namespace":
            return ["/bin/sh", "-c", "echo 'unshare: Operation not permitted' >&2; exit 1"]
        return real(self, program, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Identity, "command", command)
    return tried


@as_root
def test_error_explains_that_root_cannot_drop_privileges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = ["/bin/sh", "-c", "echo not permitted >&2; exit 1"]
    monkeypatch.setattr(Identity, "command", lambda self, program, **options: refuse)

    with pytest.raises(EngineError) as refused:
        choose_identity(folder=tmp_path, probe=["/bin/true"])

    assert "namespace: not permitted" in str(refused.value)
    assert "account: not permitted" in str(refused.value)
    assert "set DATABASE_URL" in str(refused.value)


def test_unprivileged_users_keep_their_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert choose_identity(folder=tmp_path, probe=["/bin/false"]).mode == "same"


@as_root
def test_chown_never_follows_symbolic_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside)

    change_owner(inside, Identity("account", STRANGER, STRANGER))

    assert (inside / "link").lstat().st_uid == STRANGER
    assert outside.stat().st_uid == 0


def test_long_path_uses_a_short_private_socket_folder(home: Path) -> None:
    data_dir = home.joinpath(*["a-rather-long-folder-name"] * 6)
    assert len(str(data_dir)) > SOCKET_PATH_LIMIT

    with Engines(data_dir, durable=False) as engines:
        sockets = engines.postgres.sockets
        assert len(str(sockets / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_ISSOCK(engines.valkey.socket.stat().st_mode)
        with psycopg.connect(engines.environment["DATABASE_URL"]) as app:
            assert app.execute("SELECT 1").fetchone() == (1,)

    assert not sockets.exists()


def test_recorded_socket_folder_of_another_user_is_not_used(home: Path) -> None:
    precious = home / "precious"
    precious.mkdir(mode=0o755)
    (precious / "file").write_text("mine")
    data_dir = home / ".data"
    data_dir.mkdir(mode=0o700)
    (data_dir / "socket_folder").write_text(str(precious))

    with Engines(data_dir, durable=False):
        pass

    assert (precious / "file").read_text() == "mine"
    assert not (data_dir / "socket_folder").exists()


def test_the_kernels_socket_path_limit_is_as_assumed(home: Path) -> None:
    """Guards the constant: a path of the limit's length can be bound."""
    path = str(home / "s").ljust(SOCKET_PATH_LIMIT, "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
    Path(path).unlink()


def test_launched_program_receives_signals_ignored_by_its_parent(tmp_path: Path) -> None:
    program = Identity("same", 0, 0).command(["/bin/sh", "-c", "kill -TERM $$; echo deaf"], folder=tmp_path)
    ignoring = ["/bin/sh", "-c", "trap '' TERM INT; exec \"$@\"", "sh", *program]

    launched = subprocess.run(ignoring, capture_output=True, text=True, check=False)

    assert (launched.returncode, launched.stdout) == (-signal.SIGTERM, "")
