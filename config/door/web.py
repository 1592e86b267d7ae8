"""`python -m config.door.web`: the web server, on a developer's machine and in production alike.

Reads HOST, PORT, WEB_WORKERS, WEB_THREADS, DRAIN_SECONDS, TLS_CERT_FILE and TLS_KEY_FILE and runs granian with our front door
(`config.door`) in its workers, with TLS >= 1.2 if there is a certificate.
"""

import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from granian.constants import Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings

from config.door.answers import remove_leftovers
from config.door.draining import DrainingServer
from config.door.server import KILL_SECONDS, serve_worker

# The time limit for a request's head, and the keep-alive timeout.
HEADER_MILLISECONDS = 30_000
MAX_HEAD_BYTES = 65_536


# glibc gives each thread an arena of its own, and other threads cannot use what is freed in it: a process grew by 5 % in 100,000
# requests. Python's threads take turns anyway, so they can share one.
MALLOC_ARENAS = "1"

# Connections of one worker process; a connection that does nothing costs a few kilobytes. Two files each: one may be an
# answer on its way.
CONNECTIONS = 8192
FILES_BESIDE_CONNECTIONS = 512


def server_options(environment: Mapping[str, str], *, files: int) -> dict[str, Any]:
    """Return the arguments of granian's server for a process that may open `files` files.

    Raises ValueError for a key file that granian cannot read.
    """
    cores = os.cpu_count() or 1
    options: dict[str, Any] = {
        # Ignored by our workers (config.door.server), but required by granian to allow several threads.
        "interface": Interfaces.WSGI,
        "address": environment.get("HOST") or "127.0.0.1",
        "port": int(environment.get("PORT") or "8000"),
        "workers": int(environment.get("WEB_WORKERS") or cores),
        "blocking_threads": int(environment.get("WEB_THREADS") or min(8, 2 * cores + 1)),
        "backlog": 4096,
        "backpressure": max(64, min(CONNECTIONS, (files - FILES_BESIDE_CONNECTIONS) // 2)),
        "http1_settings": HTTP1Settings(
            header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=MAX_HEAD_BYTES
        ),
        "http2_settings": HTTP2Settings(
            max_headers_size=MAX_HEAD_BYTES, max_concurrent_streams=64, keep_alive_interval=20_000
        ),
        "websockets": False,
        "respawn_failed_workers": True,
        "workers_kill_timeout": KILL_SECONDS,
    }
    certificate, key = environment.get("TLS_CERT_FILE"), environment.get("TLS_KEY_FILE")
    if certificate and key:
        if "BEGIN PRIVATE KEY" not in Path(key).read_text():
            raise ValueError(
                f"{key} is not an unencrypted PKCS#8 key. Convert it: openssl pkcs8 -topk8 -nocrypt -in {key} -out key.pem"
            )
        options |= {
            "ssl_cert": Path(certificate),
            "ssl_key": Path(key),
            "ssl_protocol_min": SSLProtocols.tls12,
        }
    return options


def prepare_metrics(environment: Mapping[str, str]) -> None:
    """Empty the directory of the shared metrics, which would otherwise keep those of dead processes."""
    folder = environment.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in Path(folder).glob("*.db"):
            leftover.unlink()


def raise_file_limit() -> int:
    """Raise the limit of open files to the system's maximum for this process and its workers. Return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 1 << 30 if hard == resource.RLIM_INFINITY else hard


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    os.environ.setdefault(
        "MALLOC_ARENA_MAX", MALLOC_ARENAS
    )  # read by the workers' own glibc, when they start
    try:
        options = server_options(os.environ, files=raise_file_limit())
        prepare_metrics(os.environ)
        server = DrainingServer("config.wsgi:application", **options).prepare(os.environ)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    remove_leftovers()
    server.serve(spawn_target=serve_worker)


if __name__ == "__main__":
    main()
