"""No secret and no hash appears in logs, audit rows, cache values, sessions, errors or pages."""

import base64
import io
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from psycopg import sql

from apikeys import authentication, keys
from apikeys.models import ApiKeySecret
from apikeys.services import IssuedKey, rotate_key
from core.tenancy import tenant_context
from core.valkey import commands
from tests.clients import ApiClient
from tests.engines import superuser_url
from tests.factories import SYSTEM, World, new_secret


@pytest.fixture
def log_text() -> Iterator[Any]:
    """Everything that is logged, formatted as in production, down to debug."""
    stream = io.StringIO()
    root = logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(root.handlers[0].formatter if root.handlers else logging.Formatter())
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def everything_in_valkey() -> str:
    """Every name and value, whatever its type, as text."""
    client = commands.client()
    seen = []
    for name in client.scan_iter(count=1000):
        seen.append(name)
        kind = client.type(name)
        seen.append(client.dump(name) or b"")
        if kind == b"string":
            seen.append(client.get(name) or b"")
        elif kind == b"stream":
            seen += [str(client.xrange(name)).encode()]
        elif kind == b"hash":
            seen.append(str(client.hgetall(name)).encode())
        elif kind == b"list":
            seen += client.lrange(name, 0, -1)
    return b"\n".join(seen).decode("latin-1")


def everything_in_the_database() -> dict[str, str]:
    """Every table as text, whole."""
    tables = {}
    with psycopg.connect(superuser_url()) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in names:
            rows = connection.execute(
                sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name))
            ).fetchall()
            tables[name] = "\n".join(row[0] for row in rows)
    return tables


def test_key_lifecycle_leaves_no_secret_and_no_hash_anywhere(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    login: Callable[..., Client],
    log_text: Any,
) -> None:
    """ "Secrets are never logged, never returned by any endpoint, and never shown again." """
    browser = login(world.owner)
    page = browser.post(
        "/keys/new/",
        {"name": "x", "kind": "server", "scopes": ["customers:read"], "expiry": "90", "rate_limit": "60"},
    ).content.decode()
    first = page[page.index("pm_live_") :][: keys.SECRET_LENGTH]
    issued = issue_key(world.company)
    with tenant_context(world.tenant()):
        second = rotate_key(key=issued.key, overlap=timedelta(hours=1), secret=new_secret(), actor=SYSTEM)
    secrets = [first, issued.client_secret, second.client_secret]
    answers, pages = [], []
    for secret in secrets:
        client = api(secret)
        for path in ("/v1/whoami", "/v1/nowhere", "/v1/customers", f"/v1/whoami?x={secret}", "/v1/events"):
            answers.append(client.get(path))
        answers.append(client.post("/v1/customers", raw=secret.encode()))
        basic = base64.b64encode(f"key_wrong:{secret}".encode()).decode()
        answers.append(client.get("/v1/whoami", headers={"Authorization": f"Basic {basic}"}))
        answers.append(client.get("/v1/whoami", headers={"Authorization": f"Digest {secret}"}))
        almost = secret[:-1] + ("0" if secret[-1] != "0" else "1")
        answers.append(client.get("/v1/whoami", headers={"Authorization": f"Bearer {almost}"}))
    for path in (
        "/keys/",
        f"/keys/{issued.client_id}/",
        f"/keys/{issued.client_id}/edit/",
        "/audit/",
        "/requests/",
    ):
        pages.append(browser.get(path).content.decode())

    with tenant_context(world.tenant()):
        hashes = [
            part
            for row in ApiKeySecret.objects.all()
            for part in (row.encoded_hash, row.encoded_hash[-31:], row.fingerprint.partition("$")[2])
        ]
    assert len(hashes) == 9
    tables = everything_in_the_database()
    own = tables.pop("apikeys_apikeysecret")
    places = {
        "answers": "\n".join(f"{answer.content!r} {answer.headers}" for answer in answers),
        "pages": "\n".join(pages),
        "logs": log_text.getvalue(),
        "valkey": everything_in_valkey(),
        "sessions": "\n".join(str(session.get_decoded()) for session in Session.objects.all()),
        **tables,
    }
    for needle in [*secrets, *(secret[16:40] for secret in secrets)]:
        assert needle not in own
        for place, text in places.items():
            assert needle not in text, f"a secret is in {place}"
    for needle in hashes:
        for place, text in places.items():
            assert needle not in text, f"a hash is in {place}"
    # The search would find something: what may be shown is there.
    assert secrets[1][8:16] in own
    assert secrets[1][8:16] in places["pages"]


def test_unexpected_error_in_the_guard_shows_no_secret(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    monkeypatch: pytest.MonkeyPatch,
    log_text: Any,
) -> None:
    issued = issue_key(world.company)

    def accident(self: Any) -> None:
        self._identify()
        raise RuntimeError(f"unexpected: {self.credential.secret} {self.credential!r}")

    monkeypatch.setattr(authentication._Attempt, "settle", accident)
    answer = api(issued.client_secret).get("/v1/whoami")
    assert (answer.status, answer.code) == (500, "internal_error")
    assert issued.client_secret.encode() not in answer.content
    assert "unexpected" in log_text.getvalue()
    assert issued.client_secret not in log_text.getvalue()


def test_secret_objects_do_not_show_their_secret(world: World, issue_key: Callable[..., IssuedKey]) -> None:
    issued = issue_key(world.company)
    for text in (repr(issued), str(issued), f"{issued}"):
        assert issued.client_secret not in text
    try:
        raise ValueError(issued)
    except ValueError:
        assert issued.client_secret not in traceback.format_exc()
