"""Webhooks must not reach the operator's own machine once others can reach Pomelo."""

from pathlib import Path

import pytest
from django.test import Client

from config.run.options import child_environment, read_options
from core.outbound import UrlRefusedError, check_url, loopback, public_policy
from core.outbound.resolver import permitted_addresses


@pytest.fixture
def under_make_run(settings: object, tmp_path: Path) -> Path:
    """The settings of `make run` on loopback, with a folder of their own."""
    settings.DATA_DIR, settings.WEBHOOK_LOOPBACK = tmp_path, True  # type: ignore[attr-defined]
    settings.MIDDLEWARE = [  # type: ignore[attr-defined]
        "core.outbound.loopback.LoopbackGuard",
        *settings.MIDDLEWARE,  # type: ignore[attr-defined]
    ]
    return tmp_path


@pytest.mark.parametrize(
    "environment",
    [
        {"PUBLIC_URL": "https://api.example.com"},
        {"PUBLIC_URL": "http://192.0.2.7:8000"},
        {"ALLOWED_HOSTS": "localhost,api.example.com"},
        {"ALLOWED_HOSTS": ".example.com"},
        {"ALLOWED_HOSTS": "*"},
        {"TRUSTED_PROXIES": "127.0.0.1/32"},
    ],
)
def test_configured_proxy_closes_loopback(environment: dict[str, str]) -> None:
    assert "WEBHOOK_LOOPBACK" not in child_environment(read_options({}), environment, None)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"PUBLIC_URL": "http://localhost:8000", "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]"},
        {"PUBLIC_URL": "http://pomelo.localhost:8000", "ALLOWED_HOSTS": "pomelo.localhost"},
    ],
)
def test_local_development_may_deliver_to_loopback(environment: dict[str, str]) -> None:
    assert child_environment(read_options({}), environment, None)["WEBHOOK_LOOPBACK"] == "true"


@pytest.mark.parametrize(
    "sign",
    [
        {"HTTP_X_FORWARDED_FOR": "203.0.113.9"},
        {"HTTP_FORWARDED": "for=203.0.113.9"},
        {"HTTP_X_REAL_IP": "203.0.113.9"},
        {"HTTP_VIA": "1.1 proxy"},
        {"HTTP_CF_CONNECTING_IP": "203.0.113.9"},
        {"SERVER_PROTOCOL": "HTTP/1.0"},
    ],
)
def test_detected_proxy_closes_loopback_permanently(under_make_run: Path, sign: dict[str, str]) -> None:
    # given a pool of connections that was opened while loopback was open
    policy = public_policy()
    assert check_url("http://127.0.0.1:6379/", policy).port == 6379
    assert Client().get("/healthz").status_code == 200
    assert loopback.is_open()
    # when
    Client(**sign).get("/healthz")
    # then
    for text in ("http://127.0.0.1:6379/", "http://[::1]:9000/", "https://127.8.8.8/"):
        with pytest.raises(UrlRefusedError):
            check_url(text, policy)
    assert permitted_addresses(["127.0.0.1"], 443, policy) == []
    assert permitted_addresses(["::1", "127.0.0.1"], 443, policy) == []
    with pytest.raises(UrlRefusedError):
        check_url("https://receiver.example:6379/", policy)
    assert [path.name for path in under_make_run.iterdir()] == ["reached-through-a-proxy"]


def test_production_never_delivers_to_loopback() -> None:
    policy = public_policy()
    assert policy.own_machine is False
    with pytest.raises(UrlRefusedError):
        check_url("https://127.0.0.1/", policy)
