"""Transport: the API is not served over plain HTTP, TLS below 1.2 is refused, and only trusted proxies are trusted."""

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from django.test import Client

from apikeys.services import IssuedKey
from billing.models import Customer
from core.tenancy import tenant_context
from tests.clients import ApiClient, random_address
from tests.contracts.problems import assert_problem
from tests.factories import World
from tests.live import web_process

HSTS = "max-age=31536000; includeSubDomains; preload"
ALERT_RECORD, FATAL = 0x15, 2
# What a server may say (RFC 8446 §6): rustls knows no version below 1.2 and often notices first that an old hello lacks
# the signature algorithms which 1.2 requires.
REFUSALS = {40: "handshake_failure", 70: "protocol_version"}


@pytest.fixture
def https_only(settings: Any) -> Any:
    settings.REQUIRE_HTTPS = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    settings.PUBLIC_URL = "https://api.example.com"
    return settings


@pytest.fixture
def secret(world: World, issue_key: Callable[..., IssuedKey]) -> Any:
    return issue_key(world.company, ["customers:read", "customers:write"]).client_secret


def test_plain_http_request_is_refused_before_anything_runs(
    https_only: Any, world: World, api: Callable[..., ApiClient], secret: Any
) -> None:
    answer = api(secret).post("/v1/customers", {"name": "Ada"}, idempotency_key="k")

    assert_problem(answer.status, answer.headers, answer.content, expected=(403, "https_required"))
    assert answer.headers["RateLimit-Policy"].startswith('"address"')
    assert "Strict-Transport-Security" not in answer.headers
    with tenant_context(world.tenant()):
        assert Customer.objects.count() == 0


@pytest.mark.parametrize("path", ["/v1/whoami", "/v1/nothing", "/v1", "/v1/openapi.json"])
def test_no_path_under_v1_is_served_or_redirected_over_plain_http(
    https_only: Any, api: Callable[..., ApiClient], path: str
) -> None:
    answer = api().get(path)
    assert (answer.status, answer.code) == (403, "https_required")


def test_every_tls_response_has_hsts(https_only: Any, secret: Any) -> None:
    client = Client(REMOTE_ADDR=random_address())
    for headers, status in (({"Authorization": f"Bearer {secret}"}, 200), ({}, 401)):
        answer = client.get("/v1/customers", headers=headers, secure=True)
        assert answer.status_code == status
        assert answer.headers["Strict-Transport-Security"] == HSTS
    assert client.get("/v1/openapi.json", secure=True).headers["Strict-Transport-Security"] == HSTS


def test_pages_redirect_to_https_under_the_public_name_only(https_only: Any) -> None:
    answer = Client().get("/accounts/login/?next=/keys/", headers={"Host": "testserver"})
    assert answer.status_code == 301
    assert answer.headers["Location"] == "https://api.example.com/accounts/login/?next=/keys/"


def test_probes_are_served_over_plain_http(https_only: Any) -> None:
    assert Client().get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        ("10.1.2.3", "https", 200),
        ("10.1.2.3", "http, https", 200),
        ("10.1.2.3", "http", 403),
        ("10.1.2.3", "https, http", 403),
        ("10.1.2.3", None, 403),
        ("192.0.2.9", "https", 403),
        ("192.0.2.9", "https, https", 403),
    ],
)
def test_forwarded_proto_is_trusted_from_trusted_proxies_only(
    https_only: Any, secret: Any, peer: str, forwarded: str | None, status: int
) -> None:
    https_only.TRUSTED_PROXIES = ["10.0.0.0/8"]
    headers = {"Authorization": f"Bearer {secret}", "X-Forwarded-For": random_address()}
    if forwarded is not None:
        headers["X-Forwarded-Proto"] = forwarded
    answer = Client(REMOTE_ADDR=peer).get("/v1/whoami", headers=headers)
    assert answer.status_code == status


def test_forwarded_proto_is_ignored_without_trusted_proxies(https_only: Any, secret: Any) -> None:
    answer = Client(REMOTE_ADDR="127.0.0.1").get(
        "/v1/whoami", headers={"Authorization": f"Bearer {secret}", "X-Forwarded-Proto": "https"}
    )
    assert answer.status_code == 403


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server with a certificate of a made-up authority, which the yielded client context trusts."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    environment = {
        "TLS_CERT_FILE": str(folder / "cert.pem"),
        "TLS_KEY_FILE": str(folder / "key.pem"),
        "REQUIRE_HTTPS": "true",
    }
    with web_process(environment=environment, is_forked=True) as server:
        yield server, authority


def client_context(authority: Any, version: Any) -> Any:
    """A client that speaks exactly this version of TLS, also where the system's policy forbids old ones."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = version
    context.minimum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_handshake_below_tls_1_2_is_refused_by_the_server(tls: Any, version: Any) -> None:
    server, authority = tls
    outgoing = ssl.MemoryBIO()
    session = client_context(authority, version).wrap_bio(
        ssl.MemoryBIO(), outgoing, server_hostname="localhost"
    )
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    hello = outgoing.read()
    # The client really offers it: the version in its ClientHello is 3.1 for TLS 1.0, 3.2 for 1.1.
    assert hello[9:11] == bytes([3, 1 if version == ssl.TLSVersion.TLSv1 else 2])

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(hello)
        answer = connection.recv(64)

    assert (answer[0], answer[5]) == (ALERT_RECORD, FATAL)
    assert answer[6] in REFUSALS


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_served_with_hsts(tls: Any, version: Any) -> None:
    server, authority = tls
    context = client_context(authority, version)
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        assert connection.version() == {3: "TLSv1.2", 4: "TLSv1.3"}[version & 0xFF]
    head = received.partition(b"\r\n\r\n")[0].lower()
    assert b" 401 " in head
    assert f"strict-transport-security: {HSTS}".encode().lower() in head


def test_host_is_checked_against_current_settings(
    settings: Any, api: Callable[..., ApiClient], secret: Any
) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com"]
    client = Client(REMOTE_ADDR=random_address(), HTTP_HOST="api.example.com")
    headers = {"Authorization": f"Bearer {secret}"}
    assert [client.get("/v1/whoami", headers=headers).status_code for _ in range(2)] == [200, 200]
    stranger = client.get("/v1/whoami", headers=headers, HTTP_HOST="evil.example.com")
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (400, "invalid_request")

    settings.ALLOWED_HOSTS = ["www.example.com"]

    moved = client.get("/v1/whoami", headers=headers)
    assert (moved.status_code, moved.json()["error"]["code"]) == (400, "invalid_request")
