"""Logging in to Vault and renewing the token, with a real OpenBao server; the Kubernetes cluster is simulated."""

import json
import re
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import certifi
import hvac
import pytest
from django.core.checks import run_checks

from apikeys.stores.vault_session import LOGINS, RENEWALS, SESSION
from core.operations.health import NotReady
from tests.apikeys.openbao import OpenBao, openbao
from tests.factories import World
from tests.serving import serving
from tests.waiting import wait_until

CERTIFICATE = r"(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----"
POLICY = 'path "secret/*" { capabilities = ["create", "read", "update", "delete"] }'


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with openbao() as server:
        server.client.sys.create_or_update_policy("pomelo", POLICY)
        server.client.sys.enable_auth_method("approle")
        server.client.sys.enable_auth_method("kubernetes")
        yield server


@pytest.fixture
def vault(bao: OpenBao, settings: Any) -> Iterator[Any]:
    """Settings for the server; each test says by what the process proves itself."""
    settings.SECRET_STORE, settings.VAULT_ADDR, settings.VAULT_MOUNT = "vault", bao.url, "secret"
    yield settings
    SESSION.reset()


def count(counter: Any, outcome: str = "succeeded") -> float:
    return counter.labels(outcome)._value.get()


def fixed_token(bao: OpenBao, **options: Any) -> str:
    return bao.client.auth.token.create(policies=["pomelo"], **options)["auth"]["client_token"]


def role(bao: OpenBao, **options: Any) -> tuple[str, str]:
    bao.client.auth.approle.create_or_update_approle("pomelo", token_policies=["pomelo"], **options)
    role_id = bao.client.auth.approle.read_role_id("pomelo")["data"]["role_id"]
    return role_id, bao.client.auth.approle.generate_secret_id("pomelo")["data"]["secret_id"]


def works(world: World, issue_key: Any, api: Any) -> bool:
    """Whether a new key's verifier can be written to Vault and read from it."""
    return api(issue_key(world.company).client_secret).get("/v1/whoami").status == 200


def test_token_with_a_lifetime_is_renewed_for_as_long_as_the_process_lives(
    bao: OpenBao, vault: Any, world: World, issue_key: Any, api: Any
) -> None:
    vault.VAULT_TOKEN = fixed_token(bao, period="2s")
    renewed = count(RENEWALS)
    began = time.monotonic()
    assert works(world, issue_key, api)
    wait_until(lambda: count(RENEWALS) >= renewed + 3 and time.monotonic() > began + 2.5)
    assert works(world, issue_key, api)
    assert SESSION.check() is None


def test_unrenewable_token_warns_and_then_makes_the_process_unready(
    bao: OpenBao, vault: Any, world: World, issue_key: Any, api: Any
) -> None:
    vault.VAULT_TOKEN = fixed_token(bao, ttl="3s", renewable=False)
    assert works(world, issue_key, api)
    assert "cannot be renewed" in str(SESSION.check())

    def is_dead() -> bool:
        try:
            SESSION.check()
        except NotReady:
            return True
        return False

    wait_until(is_dead)
    with pytest.raises(NotReady, match=r"docs/keys\.md"):
        SESSION.check()


def test_token_near_its_maximum_lifetime_warns(bao: OpenBao, vault: Any) -> None:
    vault.VAULT_TOKEN = fixed_token(bao, ttl="2s", explicit_max_ttl="6s")
    SESSION.client()
    wait_until(lambda: "cannot be renewed" in str(SESSION.check()))


def test_approle_logs_in_and_logs_in_again_when_its_token_reaches_its_maximum(
    bao: OpenBao, vault: Any, world: World, issue_key: Any, api: Any
) -> None:
    vault.VAULT_AUTH = "approle"
    vault.VAULT_ROLE_ID, vault.VAULT_SECRET_ID = role(bao, token_ttl="2s", token_max_ttl="3s")
    logins = count(LOGINS)
    assert works(world, issue_key, api)
    wait_until(lambda: count(LOGINS) >= logins + 3)
    assert works(world, issue_key, api)
    assert SESSION.check() is None


def test_revoked_token_is_replaced_in_the_same_call(
    bao: OpenBao, vault: Any, world: World, issue_key: Any, api: Any
) -> None:
    vault.VAULT_AUTH = "approle"
    vault.VAULT_ROLE_ID, vault.VAULT_SECRET_ID = role(bao, token_ttl="1h", token_max_ttl="1h")
    assert works(world, issue_key, api)
    bao.client.auth.token.revoke(SESSION.client().token)
    assert works(world, issue_key, api)


def test_wrong_login_credential_is_counted_and_makes_the_process_unready(bao: OpenBao, vault: Any) -> None:
    vault.VAULT_AUTH = "approle"
    vault.VAULT_ROLE_ID, _ = role(bao, token_ttl="1h", token_max_ttl="1h")
    vault.VAULT_SECRET_ID = "wrong"
    failed = count(LOGINS, "failed")
    with pytest.raises(NotReady):
        SESSION.check()
    assert count(LOGINS, "failed") > failed


def test_unreachable_vault_is_only_a_warning_because_keys_in_use_keep_working(vault: Any) -> None:
    vault.VAULT_ADDR = "http://127.0.0.1:1"
    assert "keys in use keep working" in str(SESSION.check())


class _Cluster(BaseHTTPRequestHandler):
    """The Kubernetes API's review of a service account's token: `good` is one of pomelo's."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        good = body["spec"]["token"].startswith(GOOD.split(".")[0])
        status: dict[str, Any] = {"authenticated": good}
        if good:
            status["user"] = {
                "username": "system:serviceaccount:pomelo:pomelo",
                "uid": "1",
                "groups": ["system:serviceaccounts"],
            }
        answer = json.dumps({**body, "status": status}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _unsigned(claims: dict[str, Any]) -> str:
    import base64

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


GOOD = _unsigned(
    {
        "iss": "kubernetes/serviceaccount",
        "sub": "system:serviceaccount:pomelo:pomelo",
        "kubernetes.io": {"namespace": "pomelo", "serviceaccount": {"name": "pomelo", "uid": "1"}},
    }
)


@pytest.fixture
def cluster() -> Iterator[str]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), _Cluster)) as url:
        yield url


def test_kubernetes_logs_in_with_the_token_of_its_service_account(
    bao: OpenBao, vault: Any, cluster: str, tmp_path: Path, world: World, issue_key: Any, api: Any
) -> None:
    bao.client.auth.kubernetes.configure(
        kubernetes_host=cluster,
        token_reviewer_jwt=GOOD,
        disable_local_ca_jwt=True,
        # Asked for, and not used over plain HTTP.
        kubernetes_ca_cert=re.search(CERTIFICATE, Path(certifi.where()).read_text())[0],  # type: ignore[index]
    )
    bao.client.auth.kubernetes.create_role(
        "pomelo",
        bound_service_account_names=["pomelo"],
        bound_service_account_namespaces=["pomelo"],
        policies=["pomelo"],
        ttl="2s",
    )
    proof = tmp_path / "token"
    proof.write_text(GOOD + "\n")
    vault.VAULT_AUTH, vault.VAULT_ROLE, vault.VAULT_KUBERNETES_TOKEN_FILE = "kubernetes", "pomelo", str(proof)
    assert works(world, issue_key, api)
    assert SESSION.check() is None
    # and without the file there is no session, and a plain reason
    SESSION.reset()
    proof.unlink()
    with pytest.raises(hvac.exceptions.VaultError, match="No such file"):
        SESSION.client()


@pytest.mark.parametrize(
    ("auth", "missing"),
    [("token", "VAULT_TOKEN"), ("approle", "VAULT_ROLE_ID"), ("kubernetes", "VAULT_ROLE")],
)
def test_missing_vault_credential_is_reported_at_startup(settings: Any, auth: str, missing: str) -> None:
    settings.SECRET_STORE, settings.VAULT_ADDR, settings.VAULT_AUTH = "vault", "http://127.0.0.1:1", auth
    assert [found.msg for found in run_checks() if found.id == "pomelo.E014"] == [
        f"SECRET_STORE=vault with VAULT_AUTH={auth} needs {missing}."
    ]
