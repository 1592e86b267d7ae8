"""Runs the command as a process, with its output line by line."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from typing import Self

from tests.live import ROOT

LINE_SECONDS = 60


class Running:
    """`pomelo …`, started. Use as a context manager: it is killed at the end."""

    def __init__(self, *arguments: str, secret: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pomelo_cli", *arguments],
            cwd=ROOT / "cli",
            env={"PATH": os.environ["PATH"], "POMELO_SECRET": secret},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C reaches it even where the suite itself runs in the background, which ignores that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.seen: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(timeout=10)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self, part: str) -> str:
        """Return the next line with `part`. Fails with all that was printed when none comes."""
        while True:
            try:
                line = self._lines.get(timeout=LINE_SECONDS)
            except queue.Empty:
                raise AssertionError(f"no line with {part!r} in: {self.seen}") from None
            self.seen.append(line)
            if part in line:
                return line

    def interrupt(self) -> int:
        """Press Ctrl-C; return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)


def finished(*arguments: str, secret: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "pomelo_cli", *arguments],
        cwd=ROOT / "cli",
        env={"PATH": os.environ["PATH"], "POMELO_SECRET": secret},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
