"""Valkey as a primary with a replica and a Sentinel, and as a server with TLS."""

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import redis
import trustme

from core.engines.programs import valkey_server
from tests.waiting import PATIENCE_SECONDS, wait_until


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_server(is_so: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that only a server says which may not answer yet."""

    def is_said() -> object:
        with contextlib.suppress(redis.RedisError):
            return is_so()
        return False

    wait_until(is_said, seconds=seconds)


@dataclass
class Watched:
    """A primary and a replica that one Sentinel watches under the name `pomelo`."""

    url: str
    broker_url: str
    primary: "subprocess.Popen[bytes]"
    primary_port: int
    replica_port: int
    password: str

    def fail_over(self) -> None:
        """Kill the primary and wait until the replica has taken its place."""
        self.primary.kill()
        self.primary.wait()
        replica = redis.Redis(port=self.replica_port, password=self.password)
        wait_for_server(lambda: replica.info("replication")["role"] == "master")


@contextlib.contextmanager
def sentinel(folder: Path) -> Iterator[Watched]:
    """Start all three; end them."""
    password = "a:b/c@d"
    primary, replica, watcher = free_port(), free_port(), free_port()
    common = f'bind 127.0.0.1\nsave ""\nrequirepass {password}\nprimaryauth {password}\nrepl-diskless-sync-delay 0\n'
    configurations = {
        "primary": f"port {primary}\n{common}",
        "replica": f"port {replica}\nreplicaof 127.0.0.1 {primary}\n{common}",
        "sentinel": (
            f"port {watcher}\nbind 127.0.0.1\nsentinel monitor pomelo 127.0.0.1 {primary} 1\n"
            f"sentinel auth-pass pomelo {password}\nsentinel down-after-milliseconds pomelo 2000\n"
            "sentinel failover-timeout pomelo 3000\n"
        ),
    }
    with contextlib.ExitStack() as stack:
        started = {}
        for name, text in configurations.items():
            (folder / name).mkdir()
            file = folder / name / "server.conf"
            file.write_text(f"dir {folder / name}\n{text}")
            mode = ["--sentinel"] if name == "sentinel" else []
            started[name] = stack.enter_context(
                subprocess.Popen([valkey_server(), file, *mode], stdout=subprocess.DEVNULL)
            )
            stack.callback(started[name].kill)
        asked = redis.Redis(port=watcher)
        wait_for_server(
            lambda: (
                redis.Redis(port=replica, password=password).info("replication")["master_link_status"] == "up"
            )
        )
        wait_for_server(lambda: asked.execute_command("SENTINEL", "REPLICAS", "pomelo"))
        quoted = "a%3Ab%2Fc%40d"
        url = f"redis+sentinel://:{quoted}@127.0.0.1:{watcher}/pomelo/0"
        yield Watched(url, url, started["primary"], primary, replica, password)


class TlsDoor:
    """A TLS server in front of a Valkey's socket; the packaged Valkey has none of its own."""

    def __init__(self, behind: str, authority: trustme.CA, name: str = "localhost") -> None:
        self._behind = behind
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                raw, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        # A client that does not trust us hangs up in the middle of the handshake.
        with contextlib.suppress(OSError), self._context.wrap_socket(raw, server_side=True) as outside:
            inside = socket.socket(socket.AF_UNIX)
            inside.connect(self._behind)
            back = threading.Thread(target=self._pass_on, args=(inside, outside), daemon=True)
            back.start()
            self._pass_on(outside, inside)
            back.join(1)

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let nobody in any more."""
        self._listener.close()
