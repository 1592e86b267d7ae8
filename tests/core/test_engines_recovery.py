"""Engines stop with their process, and recover from any kill."""

import os
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import psycopg
import pytest
import redis

from core.engines import pair
from core.engines.errors import EngineError
from core.engines.locks import lock_holder
from core.engines.pair import Engines
from core.engines.process import command_line
from tests.engines import ROOT, private_engines, private_valkey
from tests.waiting import PATIENCE_SECONDS, wait_until


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server be called restarted as soon as it answers: how soon that is, says something about the machine only."""
    monkeypatch.setattr(pair, "REVIVAL_SECONDS", PATIENCE_SECONDS)


def cli(command: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "core.engines", command, "--data-dir", str(data_dir)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def server_pids(data_dir: Path) -> tuple[int, int]:
    names = (data_dir / "postgres" / "postmaster.pid", data_dir / "valkey" / "valkey.pid")
    postgres, valkey = (int(name.read_text().split("\n", 1)[0]) for name in names)
    return postgres, valkey


def test_data_survives_a_restart(tmp_path: Path) -> None:
    assert cli("status", tmp_path).returncode == 3
    assert cli("up", tmp_path).returncode == 0
    running = Engines(tmp_path)
    with psycopg.connect(running.environment["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with redis.Redis.from_url(running.environment["VALKEY_URL"]) as client:
        client.set("kept", "42")
    again = cli("up", tmp_path)  # changes nothing
    assert again.returncode == 0
    assert f"process {lock_holder(tmp_path)}" in again.stdout
    assert cli("status", tmp_path).returncode == 0
    pids = server_pids(tmp_path)

    assert cli("down", tmp_path).returncode == 0

    assert not (tmp_path / "engines.env").exists()
    assert not any(command_line(pid) for pid in pids)
    assert cli("down", tmp_path).returncode == 0
    with Engines(tmp_path) as engines:
        with psycopg.connect(engines.environment["DATABASE_URL"]) as app:
            assert app.execute("SELECT answer FROM kept").fetchone() == (42,)
        with redis.Redis.from_url(engines.valkey.url) as client:
            assert client.get("kept") == b"42"


def test_killed_runner_stops_the_servers_and_the_next_start_recovers(tmp_path: Path) -> None:
    cli("up", tmp_path)
    runner, (postgres, valkey) = lock_holder(tmp_path), server_pids(tmp_path)
    assert runner is not None
    with psycopg.connect(Engines(tmp_path).environment["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    os.kill(runner, signal.SIGKILL)

    wait_until(
        lambda: not command_line(postgres) and not command_line(valkey), "the servers outlived their runner"
    )
    with Engines(tmp_path) as engines, psycopg.connect(engines.environment["DATABASE_URL"]) as app:
        assert app.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_killing_everything_does_not_prevent_a_restart(tmp_path: Path) -> None:
    cli("up", tmp_path)
    for pid in (lock_holder(tmp_path), *server_pids(tmp_path)):
        os.kill(pid, signal.SIGKILL)

    with Engines(tmp_path) as engines, psycopg.connect(engines.environment["DATABASE_URL"]) as app:
        assert app.execute("SELECT 1").fetchone() == (1,)


def test_pid_files_of_foreign_processes_are_stale(tmp_path: Path) -> None:
    with Engines(tmp_path, durable=False) as engines:
        pid_file = engines.postgres.folder / "postmaster.pid"
        lines = pid_file.read_text().split("\n")
    with subprocess.Popen(["sleep", "60"]) as bystander:
        try:
            pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]))
            (tmp_path / "valkey" / "valkey.pid").write_text(str(bystander.pid))
            with Engines(tmp_path, durable=False) as engines:
                assert engines.postgres.process.pid not in (None, bystander.pid)
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_interrupted_first_start_is_restarted(tmp_path: Path) -> None:
    half_made = tmp_path / "postgres.new-interrupted" / "cluster"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18")

    with Engines(tmp_path, durable=False) as engines:
        assert engines.postgres.process.pid

    assert not list(tmp_path.glob("postgres.new-*"))


def test_dead_server_is_restarted_at_the_same_address() -> None:
    with private_engines(durable=True) as engines:
        url, client = engines.environment["DATABASE_URL"], redis.Redis.from_url(engines.valkey.url)
        client.set("kept", "42")
        client.execute_command("WAITAOF", 1, 0, 5000)
        engines.postgres.process.kill()
        engines.valkey.process.kill()

        assert [str(each) for each in engines.revive()] == [
            "Valkey died and was restarted.",
            "PostgreSQL died and was restarted.",
        ]

        with psycopg.connect(url) as app:
            assert app.execute("SELECT 1").fetchone() == (1,)
        assert client.get("kept") == b"42"
        client.close()
        assert engines.revive() == []


def test_server_that_does_not_start_again_is_tried_later_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pair, "RETRY_SECONDS", 600)
    with private_engines(durable=True) as engines:
        log = engines.valkey.folder / "appendonlydir"
        engines.postgres.process.kill()
        engines.valkey.process.kill()
        intact = log.rename(log.with_name("intact"))
        log.write_text("Not a folder.")

        valkey, postgres = engines.revive()

        assert str(valkey).startswith("Valkey died and did not start again; this is tried until it does.")
        assert "appendonlydir" in valkey.problem
        assert str(postgres) == "PostgreSQL died and was restarted."
        assert engines.revive() == []  # not yet

        log.unlink()
        intact.rename(log)
        monkeypatch.setattr(pair, "RETRY_SECONDS", 0)
        assert [str(each) for each in engines.revive()] == ["Valkey died and was restarted."]
        with redis.Redis.from_url(engines.valkey.url) as client:
            assert client.ping()


def test_server_that_hangs_at_its_start_does_not_keep_the_other_from_starting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with private_engines() as engines:
        start = engines.valkey.start

        def start_and_hang() -> None:
            start()
            os.kill(engines.valkey.process.pid, signal.SIGSTOP)
            assert engines.postgres.process.pid is None

        def is_started_meanwhile(_: float) -> None:
            assert engines.postgres.process.pid is not None
            wait_ready(seconds=1)

        wait_ready = engines.valkey.wait_ready
        monkeypatch.setattr(engines.valkey, "start", start_and_hang)
        monkeypatch.setattr(engines.valkey, "wait_ready", is_started_meanwhile)
        engines.postgres.process.kill()
        engines.valkey.process.kill()
        try:
            valkey, postgres = engines.revive()
        finally:
            os.kill(engines.valkey.process.pid, signal.SIGCONT)

        assert str(valkey).startswith("Valkey died and was started again, but does not answer yet.")
        assert str(postgres) == "PostgreSQL died and was restarted."
        wait_ready()


def test_start_that_fails_unforeseen_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("unforeseen")

    with private_engines() as engines:
        monkeypatch.setattr(engines.valkey, "start", fail)
        engines.postgres.process.kill()
        engines.valkey.process.kill()

        assert [str(each) for each in engines.revive()] == [
            "Valkey died and did not start again; this is tried until it does. unforeseen",
            "PostgreSQL died and was restarted.",
        ]


def test_nothing_is_restarted_once_the_engines_have_been_stopped() -> None:
    with private_engines() as engines:
        engines.stop()

        assert engines.revive() == []

        assert (engines.postgres.process.pid, engines.valkey.process.pid) == (None, None)


def test_server_stopped_already_is_not_restarted_while_the_other_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with private_engines() as engines, ThreadPoolExecutor(1) as pool:
        stop = engines.valkey.stop
        attempts: list[Future[list[pair.Restart]]] = []

        def stop_beside_a_restart() -> None:
            assert engines.postgres.process.pid is None
            attempts.append(pool.submit(engines.revive))
            wait([attempts[0]], timeout=1)  # it ends after the stop, if at all
            stop()

        monkeypatch.setattr(engines.valkey, "stop", stop_beside_a_restart)

        engines.stop()

        assert attempts[0].result() == []
        assert (engines.postgres.process.pid, engines.valkey.process.pid) == (None, None)


def test_server_that_answers_with_an_error_is_up() -> None:
    with private_valkey() as valkey:
        with redis.Redis.from_url(valkey.url) as client:
            # A full disk answers it with MISCONF.
            client.execute_command("ACL", "SETUSER", "default", "-ping")

        valkey.wait_ready(seconds=5)


def test_server_too_busy_to_answer_is_waited_for() -> None:
    with private_valkey() as valkey:
        assert valkey.process.pid is not None
        os.kill(valkey.process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(EngineError, match="Valkey was not ready within 1 s"):
                valkey.wait_ready(seconds=1)
        finally:
            os.kill(valkey.process.pid, signal.SIGCONT)
        valkey.wait_ready()


def test_two_folders_run_side_by_side(tmp_path: Path) -> None:
    with Engines(tmp_path / "one", durable=False) as one, Engines(tmp_path / "two", durable=False) as two:
        for engines, answer in ((one, 1), (two, 2)):
            with psycopg.connect(engines.environment["DATABASE_OWNER_URL"], autocommit=True) as owner:
                owner.execute(f"CREATE TABLE mine AS SELECT {answer} AS answer")
            with redis.Redis.from_url(engines.valkey.url) as client:
                client.set("mine", answer)
        for engines, answer in ((one, 1), (two, 2)):
            with psycopg.connect(engines.environment["DATABASE_URL"]) as app:
                assert app.execute("SELECT answer FROM mine").fetchone() == (answer,)
            with redis.Redis.from_url(engines.valkey.url) as client:
                assert client.get("mine") == str(answer).encode()


def test_test_can_stop_and_start_its_own_valkey() -> None:
    with private_valkey() as valkey:
        valkey.stop()
        with redis.Redis.from_url(valkey.url) as client:
            try:
                client.ping()
            except redis.ConnectionError:
                pass
            else:
                raise AssertionError("a stopped Valkey answered")
            valkey.restart()
            assert client.ping()


def test_external_server_is_not_started(tmp_path: Path) -> None:
    with Engines(tmp_path, durable=False, postgres=False) as engines:
        assert set(engines.environment) == {"VALKEY_URL", "CELERY_BROKER_URL"}
        assert not (tmp_path / "postgres").exists()
        second = Engines(tmp_path)
        second.start()
        assert second.attached
