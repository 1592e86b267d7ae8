"""`python -m config.run.web`: the web server, on a developer's machine and in production alike.

Reads HOST, PORT, WEB_WORKERS, WEB_THREADS, TLS_CERT_FILE and TLS_KEY_FILE and becomes granian, with TLS >= 1.2 when
there is a certificate.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path


def granian_arguments(environment: Mapping[str, str]) -> list[str]:
    """Return granian's arguments. Raises ValueError for a key file that it cannot read."""
    cores = os.cpu_count() or 1
    arguments = [
        *("--interface", "wsgi"),
        *("--host", environment.get("HOST") or "127.0.0.1"),
        *("--port", environment.get("PORT") or "8000"),
        *("--workers", environment.get("WEB_WORKERS") or str(cores)),
        *("--blocking-threads", environment.get("WEB_THREADS") or str(min(8, 2 * cores + 1))),
        "--no-ws",
        "--respawn-failed-workers",
        *("--workers-kill-timeout", "20"),
    ]
    certificate, key = environment.get("TLS_CERT_FILE"), environment.get("TLS_KEY_FILE")
    if certificate and key:
        if "BEGIN PRIVATE KEY" not in Path(key).read_text():
            raise ValueError(
                f"{key} is not an unencrypted PKCS#8 key. Convert it: openssl pkcs8 -topk8 -nocrypt -in {key} -out key.pem"
            )
        arguments += ["--ssl-certificate", certificate, "--ssl-keyfile", key, "--ssl-protocol-min", "tls1.2"]
    return [*arguments, "config.wsgi:application"]


def prepare_metrics(environment: Mapping[str, str]) -> None:
    """Empty the folder in which this server's processes share their counters: dead processes' numbers stay otherwise."""
    folder = environment.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in Path(folder).glob("*.db"):
            leftover.unlink()


def main() -> None:
    """Replace this process by granian."""
    program = Path(sys.executable).with_name("granian")
    path = str(program) if program.exists() else shutil.which("granian")
    if path is None:
        sys.exit("granian is not installed in this environment.")
    try:
        arguments = granian_arguments(os.environ)
        prepare_metrics(os.environ)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    os.execv(path, [path, *arguments])  # noqa: S606 - no shell is involved


if __name__ == "__main__":
    main()
