"""Telling a load balancer before the server stops: `/readyz` is red for DRAIN_SECONDS, and meanwhile every request is served.

The main process gets the signal, the workers answer the probe: a file says it to them, which its existence does and nothing in it.
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

# Set by the main process for its workers: the file that is there while the server drains.
FILE_VARIABLE = "POMELO_DRAINING_FILE"


def is_draining() -> bool:
    """Whether this server is about to stop. Asked at every probe."""
    path = os.environ.get(FILE_VARIABLE, "")
    return path != "" and os.path.exists(path)


class DrainingServer(MPServer):
    """Granian's server, whose SIGTERM is answered in two steps. SIGINT, and a second SIGTERM, stop it at once."""

    drain_seconds = 0.0

    def prepare(self, environment: Mapping[str, str]) -> "DrainingServer":
        """Read DRAIN_SECONDS and choose the file. Raises ValueError for what is no number of seconds."""
        text = environment.get("DRAIN_SECONDS") or "0"
        self.drain_seconds = float(text)
        if not 0 <= self.drain_seconds <= 300:
            raise ValueError(f"DRAIN_SECONDS is {text}: use a number of seconds from 0 to 300.")
        # In a directory of our own: in one that all share, any user of the machine could say it for us, or keep us from it.
        self._file = Path(tempfile.mkdtemp(prefix=f"pomelo-draining-{os.getpid()}-"), "draining")
        os.environ[FILE_VARIABLE] = str(self._file)
        self._timer: threading.Timer | None = None
        return self

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Begin to drain, or stop."""
        number = args[0] if args else None
        if number != signal.SIGTERM or self._timer is not None or not self.drain_seconds:
            super().signal_handler_interrupt(*args, **kwargs)
            return
        self._file.touch(mode=0o600)
        self._timer = threading.Timer(self.drain_seconds, super().signal_handler_interrupt)
        self._timer.daemon = True
        self._timer.start()

    def shutdown(self, *args: Any, **kwargs: Any) -> None:
        """Stop the workers, and take the file away with its directory."""
        super().shutdown(*args, **kwargs)
        shutil.rmtree(self._file.parent, ignore_errors=True)
