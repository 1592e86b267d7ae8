"""Draining before shutdown: `/readyz` fails for DRAIN_SECONDS, while all requests are still served.

The main process gets the signal, but the workers answer the probe, so the existence of a file tells them.
"""

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from granian.server import MPServer

# Set by the main process for its workers: the file that exists while the server drains.
FILE_VARIABLE = "POMELO_DRAINING_FILE"


def is_draining() -> bool:
    """Whether this server is draining. Called at every probe."""
    path = os.environ.get(FILE_VARIABLE, "")
    return path != "" and os.path.exists(path)


class DrainingServer(MPServer):
    """Granian's server, which drains on SIGTERM before it stops. SIGINT or a second SIGTERM stops it immediately."""

    drain_seconds = 0.0

    def prepare(self, environment: Mapping[str, str]) -> "DrainingServer":
        """Read DRAIN_SECONDS and choose the file. Raises ValueError if it is not a number of seconds."""
        text = environment.get("DRAIN_SECONDS") or "0"
        self.drain_seconds = float(text)
        if not 0 <= self.drain_seconds <= 300:
            raise ValueError(f"DRAIN_SECONDS is {text}: use a number of seconds from 0 to 300.")
        # In a private directory: in a shared one, any user of the machine could create the file or block it.
        self._file = Path(tempfile.mkdtemp(prefix=f"pomelo-draining-{os.getpid()}-"), "draining")
        os.environ[FILE_VARIABLE] = str(self._file)
        self._timer: threading.Timer | None = None
        return self

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Start draining, or stop."""
        number = args[0] if args else None
        if number != signal.SIGTERM or self._timer is not None or not self.drain_seconds:
            super().signal_handler_interrupt(*args, **kwargs)
            return
        self._file.touch(mode=0o600)
        self._timer = threading.Timer(self.drain_seconds, super().signal_handler_interrupt)
        self._timer.daemon = True
        self._timer.start()

    def shutdown(self, *args: Any, **kwargs: Any) -> None:
        """Stop the workers, and remove the file and its directory."""
        super().shutdown(*args, **kwargs)
        shutil.rmtree(self._file.parent, ignore_errors=True)
