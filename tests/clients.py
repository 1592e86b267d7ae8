"""Test clients: a signed-in browser, and an integrator with an API key."""

import base64
import json
import re
import secrets
import time
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from accounts.models import Company, User
from core import clock
from core.operations.session_store import SessionStore
from core.postgres.later import send_later


def sign_in(user: User, company: Company | None = None) -> Client:
    """Return a client in which `user` has just signed in (and selected `company`).

    Writes the session that `Client.force_login` and later changes would leave, with one write instead of five.
    """
    user.last_login = clock.now()
    session = SessionStore()
    session.update(
        {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: "allauth.account.auth_backends.AuthenticationBackend",
            HASH_SESSION_KEY: user.get_session_auth_hash(),
            "account_authentication_methods_user": str(user.pk),
            "account_authentication_methods": [
                {"method": "password", "at": time.time(), "email": user.email}
            ],
        }
    )
    if company is not None:
        session["company"] = str(company.id)
    with transaction.atomic():
        send_later("UPDATE accounts_user SET last_login = %s WHERE id = %s", [user.last_login, user.id])
        session.save()
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    client.cookies[settings.SESSION_COOKIE_NAME].update({"path": "/"})
    return client


def form_token(browser: Client, page: str) -> dict[str, str]:
    """Return the one-time token of the form on `page`, as a form field."""
    return token_in(browser.get(page))


def token_in(answer: HttpResponse) -> dict[str, str]:
    """Return the one-time token of the form in a response, as a form field."""
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', answer.content.decode())
    assert found is not None, "the page has no one-time form"
    return {"form_token": found[1]}


def send_form(browser: Client, page: str, fields: Mapping[str, Any], *, action: str = "") -> Any:
    """Open `page` and submit its one-time form with these fields, to `action` if given."""
    return browser.post(action or page, {**fields, **form_token(browser, page)})


def random_address() -> str:
    """Return a random client address, because failures are counted per address."""
    return str(IPv4Address(0x0A000000 + secrets.randbelow(1 << 24)))


class ApiAnswer:
    """A parsed API response."""

    def __init__(self, response: HttpResponse) -> None:
        self.response = response
        self.status = response.status_code
        self.headers = response.headers
        self.content = response.content
        is_json = "json" in response.headers.get("Content-Type", "")
        self.json: Any = json.loads(response.content) if response.content and is_json else None

    @property
    def code(self) -> str | None:
        """The `error.code` of a refusal, or None."""
        return self.json["error"]["code"] if isinstance(self.json, dict) and "error" in self.json else None

    def __repr__(self) -> str:
        return f"<{self.status} {self.content[:500]!r}>"


class ApiClient:
    """An integrator's client: sends JSON with a key, in-process, through all middleware."""

    def __init__(
        self, secret: str | None = None, *, client_id: str | None = None, ip: str = "127.0.0.1"
    ) -> None:
        self.client = Client(raise_request_exception=True)
        self.secret, self.client_id, self.ip = secret, client_id, ip

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
        content_type: str = "application/json",
    ) -> ApiAnswer:
        """Send a request and return its parsed response."""
        sent = dict(headers or {})
        if self.secret and self.client_id:
            token = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
            sent.setdefault("Authorization", f"Basic {token}")
        elif self.secret:
            sent.setdefault("Authorization", f"Bearer {self.secret}")
        if idempotency_key is not None:
            sent["Idempotency-Key"] = idempotency_key
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        return ApiAnswer(
            self.client.generic(
                method, path, data, content_type=content_type, headers=sent, REMOTE_ADDR=self.ip
            )
        )

    def get(self, path: str, **options: Any) -> ApiAnswer:
        """GET `path`."""
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> ApiAnswer:
        """POST `body` to `path`."""
        return self.request("POST", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> ApiAnswer:
        """PATCH `path` with `body`."""
        return self.request("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> ApiAnswer:
        """DELETE `path`."""
        return self.request("DELETE", path, **options)
