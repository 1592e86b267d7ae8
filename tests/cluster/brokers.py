"""A private RabbitMQ from the system's package."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.core.valkey_servers import free_port

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
START_SECONDS = 120


def rabbitmq_version() -> str:
    """Return the version of the installed RabbitMQ, or an empty string if there is none."""
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*"))
    return found[-1].name.partition("-")[2] if found and Path(SERVER).is_file() else ""


@contextlib.contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """Start a broker with all of its files in `folder`. Yields its amqp:// URL."""
    port, distribution, mapper = free_port(), free_port(), free_port()
    name = f"pomelo-{port}@localhost"
    home = folder / "home"
    home.mkdir(parents=True)
    (home / ".erlang.cookie").write_text("pomelo-test")
    (home / ".erlang.cookie").chmod(0o400)
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\nloopback_users.guest = true\nlog.console = false\n"
    )
    (folder / "plugins").write_text("[].\n")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_RELAXED_COMMAND_CHECK": "true",  # otherwise epmd does not exit while a node is registered
        "RABBITMQ_NODENAME": name,
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +S 1:1",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
    }
    with (
        (folder / "output").open("wb") as output,
        subprocess.Popen(
            [SERVER], env=environment, stdout=output, stderr=output, cwd=folder, start_new_session=True
        ) as process,
    ):
        try:
            _wait(port, process, folder / "output")
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            epmd = shutil.which("epmd")
            if epmd:  # only this broker's own, identified by its port
                subprocess.run([epmd, "-port", str(mapper), "-kill"], capture_output=True, check=False)


def _wait(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    from kombu import Connection

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with Connection(f"amqp://guest:guest@127.0.0.1:{port}//", connect_timeout=2) as connection:
                connection.connect()
                return
        except OSError:
            printed = output.read_text(errors="replace")[-2000:]
            assert process.poll() is None, printed
            assert time.monotonic() < deadline, printed
        time.sleep(0.5)
