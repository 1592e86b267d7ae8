"""`make run` refuses unsafe options and ones that would fail later, with advice."""

import datetime as dt
import os
import select
import socket
import ssl
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis
from cryptography import x509
from granian.constants import SSLProtocols

from config.door.web import prepare_metrics, server_options
from config.run.__main__ import Run
from config.run.certificate import ensure_certificate
from config.run.options import (
    ROOT,
    UsageError,
    allowed_hosts,
    child_environment,
    read_options,
    require_free_port,
)
from tests.engines import private_engines
from tests.waiting import wait_until

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def test_the_default_is_loopback_without_tls(tmp_path: Path) -> None:
    options = read_options({"DATA_DIR": str(tmp_path)})

    assert (options.host, options.port, options.tls, options.needs_engines) == (
        "127.0.0.1",
        8000,
        False,
        True,
    )
    environment = child_environment(options, {}, None)
    assert environment["REQUIRE_HTTPS"] == "false"
    assert environment["PUBLIC_URL"] == "http://localhost:8000"
    assert environment["DATA_DIR"] == str(tmp_path)


@pytest.mark.parametrize(
    ("host", "url"),
    [("Pomelo.LAN", "https://pomelo.lan:8000"), ("2001:DB8::7", "https://[2001:db8::7]:8000")],
)
def test_public_url_of_a_run_passes_the_startup_checks(tmp_path: Path, host: str, url: str) -> None:
    options = read_options({"DATA_DIR": str(tmp_path), "HOST": host, "TLS": "1"})

    assert child_environment(options, {}, None)["PUBLIC_URL"] == url


@pytest.mark.parametrize("asked", [{"HOST": "192.0.2.7", "TLS": "1"}, {"TLS": "1"}])
def test_dev_mode_is_refused_beyond_loopback(asked: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="make run"):
        read_options({"DEV": "1", **asked})


STARTER = """
import subprocess, sys, time
from config.run.supervise import bound_command
child = subprocess.Popen(bound_command([sys.executable, "-c", "print(1, flush=True); import time; time.sleep(600)"]), stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""


def test_child_processes_end_with_the_run_even_on_sigkill() -> None:
    run = subprocess.Popen([sys.executable, "-c", STARTER], cwd=ROOT, stdout=subprocess.PIPE)
    assert run.stdout is not None
    child = int(run.stdout.readline())
    watched = os.pidfd_open(child)
    try:
        run.kill()
        run.wait()
        ended, _, _ = select.select([watched], [], [], 60)
        assert ended == [watched]
    finally:
        os.close(watched)
        run.stdout.close()


def test_run_ends_when_its_web_server_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    class Manager:
        returncode = None

        def terminate(self) -> None:
            told.append(True)

    told: list[bool] = []
    run = Run(read_options({"DEV": "1"}))
    run._manager = Manager()  # type: ignore[assignment]
    run._server = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    run._server.wait()

    run._watch()

    assert (told, run._failed) == ([True], True)
    assert "The web server exited (3)" in capsys.readouterr().out


def test_restarted_servers_stay_while_the_other_processes_stop() -> None:
    run = Run(read_options({}))
    with private_engines() as engines:
        run._engines = engines
        watcher = threading.Thread(target=run._keep_watch, daemon=True)
        watcher.start()
        engines.valkey.process.kill()
        with redis.Redis.from_url(engines.valkey.url) as client:
            wait_until(engines.valkey._is_ready)

            run._stopping.set()
            watcher.join(timeout=2)  # it ends within half a second, if it ends at all

            assert watcher.is_alive()  # with it would go the server, a moment later
            assert client.ping()


def test_debug_error_pages_are_shown_by_make_dev_only(tmp_path: Path) -> None:
    modules = [
        child_environment(read_options({"DATA_DIR": str(tmp_path), **asked}), {}, None)[
            "DJANGO_SETTINGS_MODULE"
        ]
        for asked in ({}, {"DEV": "1"})
    ]
    assert modules == ["config.settings.local", "config.settings.dev"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "pomelo.example"])
def test_plain_http_on_a_public_interface_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="make run TLS=1"):
        read_options({"HOST": host})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "pomelo.example"])
def test_with_tls_any_address_is_served_and_https_required(host: str) -> None:
    options = read_options({"HOST": host, "TLS": "1"})

    environment = child_environment(options, {}, (Path("cert"), Path("key")))
    assert environment["REQUIRE_HTTPS"] == "true"
    assert environment["PUBLIC_URL"].startswith("https://")
    assert environment["TLS_CERT_FILE"] == "cert"


def test_loopback_webhooks_are_allowed_only_on_a_loopback_run() -> None:
    local = child_environment(read_options({}), {}, None)
    served = child_environment(read_options({"HOST": "0.0.0.0", "TLS": "1"}), {}, None)
    chosen = child_environment(read_options({}), {"WEBHOOK_ALLOWED_NETWORKS": "10.0.0.0/8"}, None)

    assert local["WEBHOOK_LOOPBACK"] == "true"
    assert "WEBHOOK_LOOPBACK" not in served
    assert "WEBHOOK_LOOPBACK" not in chosen
    assert chosen["WEBHOOK_ALLOWED_NETWORKS"] == "10.0.0.0/8"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_every_loopback_address_may_use_plain_http(host: str) -> None:
    assert read_options({"HOST": host}).tls is False


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "８０"])
def test_invalid_port_is_refused(port: str) -> None:
    with pytest.raises(UsageError, match="is not a port number"):
        read_options({"PORT": port})


def test_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(UsageError, match="or neither"):
        read_options({"TLS_CERT_FILE": "/certificate.pem"})


def test_external_servers_are_used(tmp_path: Path) -> None:
    both = read_options({"DATABASE_URL": "postgresql://x", "VALKEY_URL_FILE": "/run/secrets/valkey"})
    one = read_options({"VALKEY_URL": "redis://x"})

    assert both.needs_engines is False
    assert (one.needs_engines, one.engine_names) == (True, "PostgreSQL")


def test_explicit_settings_override_derived_ones() -> None:
    options = read_options({})

    environment = child_environment(options, {"PUBLIC_URL": "https://mine.example", "WEB_WORKERS": "7"}, None)

    assert environment["PUBLIC_URL"] == "https://mine.example"
    assert environment["WEB_WORKERS"] == "7"


def test_external_database_gets_no_sandbox_gateway() -> None:
    foreign = {"DATABASE_URL": "postgresql://x"}

    assert child_environment(read_options(foreign), foreign, None)["BILLING_GATEWAY"] == ""
    assert "BILLING_GATEWAY" not in child_environment(read_options({}), {}, None)
    chosen = foreign | {"BILLING_GATEWAY": "billing.gateways.sandbox.SandboxGateway"}
    assert child_environment(read_options(chosen), chosen, None)["BILLING_GATEWAY"].endswith("SandboxGateway")


def test_port_in_use_is_reported_before_anything_is_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"make run PORT={port + 1}"):
            require_free_port(read_options({"PORT": str(port)}))


def test_the_certificate_is_for_the_names_private_and_kept(tmp_path: Path) -> None:
    names = allowed_hosts("192.0.2.7")

    certificate, key = ensure_certificate(tmp_path / "tls", names, now=NOW)

    held = x509.load_pem_x509_certificate(certificate.read_bytes())
    alternative = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in alternative.get_values_for_type(x509.DNSName)
    assert {"127.0.0.1", "::1", "192.0.2.7"} <= {
        str(ip) for ip in alternative.get_values_for_type(x509.IPAddress)
    }
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = certificate.read_bytes()
    ensure_certificate(tmp_path / "tls", names, now=NOW)
    assert certificate.read_bytes() == before


@pytest.mark.parametrize(
    ("names", "later"),
    [(["localhost", "other.example"], 0), (["localhost"], 390)],
    ids=["new name", "expiring"],
)
def test_the_certificate_is_renewed_when_it_must_be(tmp_path: Path, names: list[str], later: int) -> None:
    certificate, key = ensure_certificate(tmp_path / "tls", ["localhost"], now=NOW)
    before = certificate.read_bytes()

    ensure_certificate(tmp_path / "tls", names, now=NOW + dt.timedelta(days=later))

    assert certificate.read_bytes() != before
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
        certificate, key
    )  # they belong together


def test_web_serves_tls_from_1_2_on(tmp_path: Path) -> None:
    certificate, key = ensure_certificate(tmp_path / "tls", ["localhost"], now=NOW)

    options = server_options(
        {"TLS_CERT_FILE": str(certificate), "TLS_KEY_FILE": str(key), "PORT": "8443"}, files=20_000
    )

    assert (options["ssl_protocol_min"], options["port"]) == (SSLProtocols.tls12, 8443)
    assert "ssl_key" not in server_options({}, files=20_000)


@pytest.mark.parametrize(("files", "connections"), [(1_024, 256), (20_000, 8_192), (100, 64)])
def test_connections_reserve_file_descriptors_for_responses(files: int, connections: int) -> None:
    assert server_options({}, files=files)["backpressure"] == connections


def test_unreadable_tls_key_is_reported_with_the_conversion_command(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN EC PRIVATE " + "KEY-----\n")

    with pytest.raises(ValueError, match="openssl pkcs8 -topk8"):
        server_options({"TLS_CERT_FILE": "certificate.pem", "TLS_KEY_FILE": str(key)}, files=1_024)


def test_counters_of_dead_processes_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "counter_123.db").write_bytes(b"old")
    (folder / "notes.txt").write_text("mine")

    prepare_metrics({"PROMETHEUS_MULTIPROC_DIR": str(folder)})

    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
