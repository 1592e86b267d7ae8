"""Proxy processes for tests, and clients that do not use the proxy's own address."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.attacks.wire import Reply, read_reply
from tests.engines import ROOT
from tests.live import free_port

START_SECONDS = 20
FILES = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "caddy": "Caddyfile", "envoy": "envoy.yaml"}
PROXIES = list(FILES)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that runs: its name, where it listens with and without TLS, and the address of whoever asks it here."""

    name: str
    https: int
    http: int
    client: str

    def connect(self, *, tls: bool = True, protocol: str = "http/1.1") -> socket.socket:
        """Open a connection from the client; over TLS it speaks `protocol`."""
        port = self.https if tls else self.http
        plain = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(self.client, 0))
        if not tls:
            return plain
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        secured = context.wrap_socket(plain, server_hostname="localhost")
        assert secured.selected_alpn_protocol() == protocol
        return secured

    def talk(self, data: bytes, *, tls: bool = True) -> Reply:
        """Send `data` and read one answer."""
        with self.connect(tls=tls) as peer:
            peer.sendall(data)
            return read_reply(peer)


def _command(name: str, program: str, folder: Path) -> list[str]:
    file = str(folder / FILES[name])
    return {
        "nginx": [program, "-p", str(folder), "-c", file, "-e", "stderr",
                  "-g", f"daemon off; pid {folder}/nginx.pid;"],
        "haproxy": [program, "-db", "-f", file],
        "caddy": [program, "run", "--adapter", "caddyfile", "--config", file],
        "envoy": [program, "-c", file, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"],
    }[name]  # fmt: skip


@contextlib.contextmanager
def proxy_process(name: str, web_port: int, certificate: tuple[Path, Path], folder: Path) -> Iterator[Proxy]:
    """A started proxy with its file of deploy/proxies, in which only paths and ports are changed; ends with the block.

    The program is that of the PATH, or what NGINX, HAPROXY, CADDY or ENVOY names. Skips where there is none.
    """
    program = os.environ.get(name.upper()) or shutil.which(name)
    if not program:
        pytest.skip(f"{name} is not installed")
    proxy = Proxy(name, https=free_port(), http=free_port(), client="127.0.0.2")
    chain = folder / "tls.pem"
    chain.write_bytes(certificate[0].read_bytes() + certificate[1].read_bytes())
    text = (ROOT / "deploy" / "proxies" / FILES[name]).read_text()
    for ours, there in {
        "/etc/pomelo/tls.crt": str(certificate[0]),
        "/etc/pomelo/tls.key": str(certificate[1]),
        "/etc/pomelo/tls.pem": str(chain),
        "127.0.0.1:8000": f"127.0.0.1:{web_port}",
        "port_value: 8000": f"port_value: {web_port}",
        ":443": f":{proxy.https}",
        ":80": f":{proxy.http}",
        "port_value: 443": f"port_value: {proxy.https}",
        "port_value: 80": f"port_value: {proxy.http}",
        "listen 443": f"listen {proxy.https}",
        "listen 80": f"listen {proxy.http}",
    }.items():
        text = _replaced(text, ours, there)
    (folder / FILES[name]).write_text(text)
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(name, program, folder), stdout=output, stderr=subprocess.STDOUT, cwd=folder
        )
    try:
        _wait_for(proxy, process, log)
        yield proxy
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _replaced(text: str, ours: str, there: str) -> str:
    # A port is not the beginning of another one.
    return "".join(
        part if number == 0 else (f"{there}{part}" if not part[:1].isdigit() else f"{ours}{part}")
        for number, part in enumerate(text.split(ours))
    )


def _wait_for(proxy: Proxy, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            proxy.connect().close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"{proxy.name} did not start:\n{log.read_text(errors='replace')}")
