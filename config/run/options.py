"""The options of a run (`HOST`, `PORT`, `DATA_DIR`, `TLS`), and the environment of its processes derived from them."""

import ipaddress
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent


class UsageError(Exception):
    """The options are invalid. The message says what to change."""


@dataclass(frozen=True)
class RunOptions:
    """A checked set of options."""

    host: str
    port: int
    data_dir: Path
    tls: bool
    own_database: bool
    own_valkey: bool
    certificate: tuple[Path, Path] | None
    dev: bool = False

    @property
    def needs_engines(self) -> bool:
        """False if both servers are external."""
        return not (self.own_database and self.own_valkey)

    @property
    def engine_names(self) -> str:
        """The servers this run starts, for a sentence."""
        wanted = (("PostgreSQL", not self.own_database), ("Valkey", not self.own_valkey))
        return " and ".join(name for name, ours in wanted if ours)

    @property
    def url(self) -> str:
        """The platform's URL on this machine."""
        if is_loopback(self.host) or is_wildcard(self.host):
            name = "localhost" if self.host != "::1" else "[::1]"
        else:
            name = (f"[{self.host}]" if ":" in self.host else self.host).lower()
        return f"{'https' if self.tls else 'http'}://{name}:{self.port}"


def read_options(environment: Mapping[str, str]) -> RunOptions:
    """Validate the options. Raises UsageError for an invalid port, and for plain HTTP or `make dev` on a reachable address."""
    host = environment.get("HOST") or "127.0.0.1"
    text = environment.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 65536:
        raise UsageError(f"PORT={text} is not a port number (1 to 65535).")
    named = (environment.get("TLS_CERT_FILE", ""), environment.get("TLS_KEY_FILE", ""))
    if any(named) and not all(named):
        raise UsageError("Set both TLS_CERT_FILE and TLS_KEY_FILE, or neither.")
    certificate = (Path(named[0]), Path(named[1])) if all(named) else None
    tls = certificate is not None or environment.get("TLS", "").lower() not in ("", "0", "false", "no")
    if not tls and not is_loopback(host):
        raise UsageError(
            f"HOST={host} is reachable from other machines, and API keys must not cross a network unencrypted. "
            "Use `make run TLS=1` (a self-signed certificate), set TLS_CERT_FILE and TLS_KEY_FILE, "
            "or stay on loopback (HOST=127.0.0.1)."
        )
    dev = is_set(environment, "DEV")
    if dev and (tls or not is_loopback(host)):
        raise UsageError(
            "`make dev` shows error pages with code and variables, from Django's own server: "
            "use it only on loopback and without TLS. For anything else, use `make run`."
        )
    return RunOptions(
        host=host,
        port=int(text),
        data_dir=Path(environment.get("DATA_DIR") or ROOT / ".data").resolve(),
        tls=tls,
        own_database=is_set(environment, "DATABASE_URL"),
        own_valkey=is_set(environment, "VALKEY_URL"),
        certificate=certificate,
        dev=dev,
    )


def child_environment(
    options: RunOptions, environment: Mapping[str, str], certificate: tuple[Path, Path] | None
) -> dict[str, str]:
    """Return the environment of every process of the run. Variables set by the user are never overridden."""
    cores = os.cpu_count() or 1
    derived = {
        "PUBLIC_URL": options.url,
        "REQUIRE_HTTPS": "true" if options.tls else "false",
        "ALLOWED_HOSTS": ",".join(allowed_hosts(options.host)),
        "WEB_WORKERS": str(min(cores, 4)),
        "WORKER_CONCURRENCY": str(min(cores, 4)),
        # Celery warns root at length at every start. Its reason is pickle; our messages are JSON and carry hints only.
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
    }
    if options.own_database:
        # An external database gets neither a demo company nor the sandbox gateway.
        derived["BILLING_GATEWAY"] = ""
    if may_call_loopback(options, environment):
        # Anyone who can sign up here is on this machine anyway, and so is their webhook receiver.
        derived["WEBHOOK_LOOPBACK"] = "true"
    if certificate is not None:
        derived |= {"TLS_CERT_FILE": str(certificate[0]), "TLS_KEY_FILE": str(certificate[1])}
    fixed = {
        # Set explicitly, because importing the package `config` has set it to production's by now.
        "DJANGO_SETTINGS_MODULE": f"config.settings.{'dev' if options.dev else 'local'}",
        "HOST": options.host,
        "PORT": str(options.port),
        "DATA_DIR": str(options.data_dir),
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}",
    }
    return derived | dict(environment) | fixed


def may_call_loopback(options: RunOptions, environment: Mapping[str, str]) -> bool:
    """Return whether webhooks may target loopback: only if nothing suggests that others can reach this server.

    Behind a proxy or tunnel, strangers can reach a server that listens on loopback, and their webhook endpoints could target
    anything else that listens here. The signs are a reachable listening address, a public URL or host names other than this
    machine's, or a trusted proxy. Explicitly configured networks take precedence. Other signs of a proxy are detected from its
    requests (core.outbound.loopback).
    """
    names = environment.get("ALLOWED_HOSTS", "").split(",")
    public = urlsplit(environment.get("PUBLIC_URL") or options.url).hostname or ""
    return (
        is_loopback(options.host)
        and is_own_name(public)
        and all(is_own_name(name.strip()) for name in names if name.strip())
        and not is_set(environment, "TRUSTED_PROXIES")
        and not is_set(environment, "WEBHOOK_ALLOWED_NETWORKS")
    )


def is_own_name(name: str) -> bool:
    """Return whether a host name (an IPv6 address with or without brackets) always means this machine."""
    return is_loopback(name.strip("[]").lower()) or name.lower().endswith(".localhost")


def allowed_hosts(host: str) -> list[str]:
    """Return the default host names of the dashboard."""
    names = ["localhost", "127.0.0.1", "[::1]"]
    if not is_loopback(host):
        names += [socket.gethostname(), socket.getfqdn()]
        if not is_wildcard(host):
            names.append(f"[{host}]" if ":" in host else host)
    return list(dict.fromkeys(names))


def require_free_port(options: RunOptions) -> None:
    """Raise UsageError early if the port is taken, instead of after a long start."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            raise UsageError(
                f"{options.host} port {options.port} cannot be used: {error.strerror}. "
                f"Choose another: make run PORT={options.port + 1}"
            ) from error


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Return whether the address is 0.0.0.0 or ::."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def is_set(environment: Mapping[str, str], name: str) -> bool:
    """Return whether a setting is set, directly or through a file."""
    return bool(environment.get(name) or environment.get(f"{name}_FILE"))
