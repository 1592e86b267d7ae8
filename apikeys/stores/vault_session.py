"""This process's Vault session: authentication and token renewal.

A background thread renews a token after two thirds of its lifetime. When Vault no longer renews it (the maximum is reached, or
it was revoked), AppRole and Kubernetes log in again; for a fixed `VAULT_TOKEN` there is only a warning. `/readyz` and the
metrics report the thread's last result, so no probe waits for Vault.
"""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hvac
import hvac.exceptions
import requests
import structlog
from django.conf import settings
from prometheus_client import Counter, Gauge

from core.operations.health import NotReady
from core.setting_changes import forget_when_changed

TIMEOUT_SECONDS = 3
FAILURES = (hvac.exceptions.VaultError, requests.RequestException)
# The errors by which Vault rejects an unknown or expired token, as opposed to being unavailable.
REFUSALS = (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized, hvac.exceptions.InvalidRequest)
# A token is checked every minute regardless of its lifetime, so that a revocation is noticed.
LOOK_SECONDS = 60.0
RETRY_SECONDS = 5.0
RENEW_WHEN_LEFT = 1 / 3
WARN_SECONDS = 3 * 86_400

log = structlog.get_logger("pomelo.vault")
LOGINS = Counter("pomelo_vault_logins_total", "Log-ins to Vault", ["outcome"])
RENEWALS = Counter("pomelo_vault_renewals_total", "Renewals of the token for Vault", ["outcome"])
SECONDS_LEFT = Gauge(
    "pomelo_vault_token_seconds",
    "What is left of the life of the token for Vault; absent for one that does not end",
    multiprocess_mode="min",
)


@dataclass(frozen=True, slots=True)
class Token:
    """The token's last known state. `ends` is monotonic time, None if it does not end; `lifetime` is in seconds."""

    ends: float | None
    lifetime: float
    renewable: bool

    @classmethod
    def read(cls, seconds: float, *, renewable: bool, lifetime: float | None = None) -> "Token":
        """Return a token that ends in `seconds` (0 for never)."""
        ends = time.monotonic() + seconds if seconds else None
        return cls(ends, lifetime or seconds, renewable)

    @property
    def left(self) -> float:
        """Seconds until it ends."""
        return float("inf") if self.ends is None else self.ends - time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time to renew it."""
        return self.left <= self.lifetime * RENEW_WHEN_LEFT


class VaultSession:
    """A client with a valid token. Thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Drop all state: the settings have changed, or this is a forked child without its parent's thread."""
        self._lock = threading.Lock()
        self._client: hvac.Client | None = None
        self._token: Token | None = None
        self._problem: Exception | None = None
        self._thread: threading.Thread | None = None
        self._generation = object()
        self._wake = threading.Event()

    def client(self) -> hvac.Client:
        """Return the client, logged in. Raises hvac's exceptions."""
        client = self._client
        if client is None:
            with self._lock:
                client = self._client or self._log_in()
        return client

    def log_in_again(self, refused: hvac.Client) -> hvac.Client | None:
        """Return a new client to replace one whose token Vault has just refused; None if there cannot be one.

        Raises hvac's exceptions.
        """
        if settings.VAULT_AUTH == "token":
            return None
        with self._lock:
            if self._client is None or self._client.token == refused.token:
                return self._log_in()
            return self._client

    def check(self) -> str | None:
        """Return the warning for `/readyz`: a token about to end, or Vault unavailable. Raises NotReady for an invalid token."""
        if self._token is None and self._problem is None:
            try:
                self.client()
            except FAILURES as error:
                self._problem = error
        problem, token = self._problem, self._token
        if isinstance(problem, REFUSALS) or (token is not None and token.left <= 0):
            raise NotReady(
                f"Vault refuses our token ({settings.VAULT_AUTH}): give it another, see docs/keys.md"
            )
        if problem is not None or token is None:
            return (
                f"Vault cannot be asked ({type(problem).__name__}): keys in use keep working, others get 503"
            )
        if settings.VAULT_AUTH == "token" and (
            token.is_due or (token.left < WARN_SECONDS and not token.renewable)
        ):
            return f"the token for Vault ends in {token.left / 3600:.1f} hours and cannot be renewed"
        return None

    def _log_in(self) -> hvac.Client:
        client = hvac.Client(url=settings.VAULT_ADDR, timeout=TIMEOUT_SECONDS)
        try:
            token = _prove_identity(client)
        except FAILURES as error:
            self._problem = error
            LOGINS.labels("failed").inc()
            log.warning("vault_login_failed", method=settings.VAULT_AUTH, error=type(error).__name__)
            self._start()
            raise
        LOGINS.labels("succeeded").inc()
        self._learn(token)
        self._client = client
        self._start()
        self._wake.set()
        return client

    def _learn(self, token: Token) -> None:
        self._token, self._problem = token, None
        if token.ends is not None:
            SECONDS_LEFT.set(token.left)

    def _start(self) -> None:
        if self._thread is None:
            generation = self._generation
            self._thread = threading.Thread(
                target=self._run, args=(generation,), name="vault-token", daemon=True
            )
            self._thread.start()

    def _run(self, generation: object) -> None:
        while True:
            self._wake.wait(self._pause())
            self._wake.clear()
            if generation is not self._generation:
                return
            try:
                self.keep_alive()
            except FAILURES as error:
                self._problem = error
                log.warning("vault_token_not_kept", method=settings.VAULT_AUTH, error=type(error).__name__)
            except Exception:  # the thread must outlive whatever the library raises
                log.exception("vault_token_not_kept", method=settings.VAULT_AUTH)

    def _pause(self) -> float:
        """Seconds until the token's next check."""
        token = self._token
        if self._problem is not None or token is None:
            return RETRY_SECONDS
        due = token.left - token.lifetime * RENEW_WHEN_LEFT
        if due > 0:
            return min(LOOK_SECONDS, due + 0.05)
        # Vault granted less than was requested, or nothing: retry, but not in a tight loop.
        return min(RETRY_SECONDS, max(0.2, token.left / 4))

    def keep_alive(self) -> None:
        """Renew the token if due, log in again if it cannot be renewed, otherwise check that it is still valid.

        Raises hvac's exceptions.
        """
        client, token = self._client, self._token
        if client is None or token is None:
            self.client()
            return
        try:
            if token.is_due and token.renewable:
                token = self._renew(client)
            elif not token.is_due:
                self._learn(_look_up(client, token))
        except REFUSALS:
            # Revoked, or its maximum is reached.
            if self.log_in_again(client) is None:
                raise
            return
        if token.is_due and self.log_in_again(client) is None:
            log.warning("vault_token_ends", seconds=round(token.left), renewable=token.renewable)

    def _renew(self, client: hvac.Client) -> Token:
        try:
            auth = client.auth.token.renew_self()["auth"]
        except FAILURES:
            RENEWALS.labels("failed").inc()
            raise
        RENEWALS.labels("succeeded").inc()
        known = self._token
        # Near its maximum a renewal grants less than the full lifetime. It is then due at once, which leads to a new login.
        token = Token.read(
            auth["lease_duration"],
            renewable=auth["renewable"],
            lifetime=max(known.lifetime if known else 0.0, float(auth["lease_duration"])),
        )
        self._learn(token)
        return token


def _prove_identity(client: hvac.Client) -> Token:
    """Log `client` in by `VAULT_AUTH`. Raises hvac's exceptions."""
    mount = {"mount_point": settings.VAULT_AUTH_MOUNT} if settings.VAULT_AUTH_MOUNT else {}
    if settings.VAULT_AUTH == "token":
        client.token = settings.VAULT_TOKEN
        return _look_up(client, None)
    if settings.VAULT_AUTH == "approle":
        answer = client.auth.approle.login(settings.VAULT_ROLE_ID, settings.VAULT_SECRET_ID or None, **mount)
    else:
        # Read at every login, because Kubernetes rotates it.
        try:
            proof = Path(settings.VAULT_KUBERNETES_TOKEN_FILE).read_text().strip()
        except OSError as error:
            raise hvac.exceptions.VaultError(
                f"{settings.VAULT_KUBERNETES_TOKEN_FILE}: {error.strerror}"
            ) from error
        answer = client.auth.kubernetes.login(settings.VAULT_ROLE, proof, **mount)
    auth: dict[str, Any] = answer["auth"]
    return Token.read(auth["lease_duration"], renewable=auth["renewable"])


def _look_up(client: hvac.Client, known: Token | None) -> Token:
    data = client.auth.token.lookup_self()["data"]
    lifetime = max(float(data.get("creation_ttl") or 0), float(data["ttl"]), known.lifetime if known else 0.0)
    return Token.read(data["ttl"], renewable=bool(data.get("renewable")), lifetime=lifetime)


SESSION = VaultSession()

os.register_at_fork(after_in_child=SESSION.reset)


forget_when_changed(SESSION.reset, "VAULT_")
