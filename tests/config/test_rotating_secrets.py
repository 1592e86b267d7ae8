"""The procedure of docs/runbooks/rotate-secrets.md: each secret is replaced on a serving platform, and the former one retired."""

import base64
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from cryptography.fernet import Fernet
from django.core.mail import send_mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.events import CompanyUpdated
from apikeys import grants
from apikeys.models import LeakReport
from apikeys.services import IssuedKey
from audit.ingest.body_writer import store
from audit.kept import KeptBody
from audit.models import RequestBodies
from audit.seals.entries import seal_waiting
from audit.seals.heads import sign_heads
from audit.signing import public_key
from core.events import publish
from core.security import crypto, rotation, sealed
from core.tenancy import system_context, tenant_context
from core.valkey import commands
from tests.audit.kept_bodies import make_body_row
from tests.clients import ApiClient
from tests.engines import private_valkey, superuser_url
from tests.factories import PASSWORD, SYSTEM, World
from webhooks.models import Endpoint
from webhooks.selectors import current_secret
from webhooks.services.endpoints import create_endpoint

ROOT = Path(__file__).resolve().parents[2]


def rotate() -> str:
    """Run `manage.py rotate_secrets`; return what it says."""
    out = StringIO()
    call_command("rotate_secrets", stdout=out)
    return out.getvalue()


# --- FIELD_ENCRYPTION_KEYS --------------------------------------------------------------------------------------------


class Stored:
    """One of everything that is encrypted, and how it is read."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.totp = generate_totp_secret()
        TOTP.activate(world.owner, self.totp)
        self.codes = RecoveryCodes.activate(world.owner).get_unused_codes()
        with tenant_context(world.tenant()):
            self.endpoints = [
                create_endpoint(
                    actor=SYSTEM, url=f"https://a.example/{n}", events=["*"], headers={"x-token": f"t{n}"}
                )
                for n in range(5)
            ]
        self.body = make_body_row(world)
        assert store([self.body]) == 1
        send_mail("Hello", "Body", "a@a.example", ["b@b.example"])
        with system_context(reason="test"):
            self.report = LeakReport.objects.create(
                digest=secrets.token_bytes(32), secret=crypto.encrypt_text("pm_live_x"), ip="192.0.2.1"
            )

    def read(self) -> None:
        """Read everything back. Raises Undecryptable."""
        factors = {row.type: row.wrap() for row in Authenticator.objects.filter(user=self.world.owner)}
        secret = factors["totp"].instance.data["secret"]
        assert crypto.decrypt_text(secret) == self.totp
        assert factors["recovery_codes"].get_unused_codes() == self.codes
        with tenant_context(self.world.tenant()):
            for endpoint, shown in self.endpoints:
                row = Endpoint.objects.get(id=endpoint.id)
                assert current_secret(row) == shown
                assert b"x-token" in crypto.decrypt(bytes(row.headers))
        with system_context(reason="test"), connection.cursor() as cursor:
            cursor.execute("SELECT content FROM core_outgoingmail")
            for (content,) in cursor.fetchall():
                crypto.decrypt(bytes(content))
            found = RequestBodies.objects.get(id=self.body[0])
            assert (
                KeptBody.read(bytes(found.request)).text
                == KeptBody.read(bytes(found.response)).text
                == '{"a":1}'
            )
            assert crypto.decrypt_text(LeakReport.objects.get(id=self.report.id).secret) == "pm_live_x"


@pytest.fixture
def field_keys(settings: Any) -> tuple[str, str]:
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    yield old, new
    # What this test left under its own key is nothing to later tests of this file.
    settings.FIELD_ENCRYPTION_KEYS = [old, new]
    rotation.move_fields(report=lambda _: None)


def test_field_keys_are_replaced_and_the_former_one_removed(
    world: World, settings: Any, field_keys: tuple[str, str]
) -> None:
    old, new = field_keys
    settings.FIELD_ENCRYPTION_KEYS = [old, new]
    stored = Stored(world)
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    stored.read()

    output = rotate()

    assert "FIELD_ENCRYPTION_KEYS: its old values can be removed." in output
    assert re.search(
        r"^webhooks_endpointsecret.secret: done: \d+ checked, [1-9]\d* re-encrypted$", output, re.MULTILINE
    )
    assert re.search(r"^audit_requestbodies.request: done: \d+ checked, [1-9]", output, re.MULTILINE)
    settings.FIELD_ENCRYPTION_KEYS = [new]
    stored.read()
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    assert all(", 0 re-encrypted" in line for line in rotate().splitlines() if "done" in line)


def test_killed_rotation_resumes_where_it_stopped(
    world: World, settings: Any, field_keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = field_keys
    stored = Stored(world)
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    monkeypatch.setattr(rotation, "BATCH", 2)
    moves, real = [], rotation._move

    def dying(column: Any, row_id: Any, value: Any, counts: Any) -> None:
        if len(moves) == 3:
            raise KeyboardInterrupt
        real(column, row_id, value, counts)
        moves.append(row_id)

    column = rotation.EncryptedColumn("webhooks_endpoint", "headers", "bytes")
    with monkeypatch.context() as patch:
        patch.setattr(rotation, "_move", dying)
        with pytest.raises(KeyboardInterrupt):
            rotation.reencrypt_column(column)
    told: list[str] = []

    counts = rotation.reencrypt_column(column, report=told.append)

    assert counts.moved == counts.seen - 3
    assert len(told) == -(-counts.seen // 2)  # once a batch
    assert rotation.move_fields(report=told.append)
    settings.FIELD_ENCRYPTION_KEYS = [new]
    stored.read()


def test_undecryptable_values_are_counted_and_keep_the_former_key(
    world: World, settings: Any, field_keys: tuple[str, str]
) -> None:
    Stored(world)
    settings.FIELD_ENCRYPTION_KEYS = [field_keys[1]]  # the old one was taken away too early

    output = rotate()

    assert "readable under none of FIELD_ENCRYPTION_KEYS" in output
    assert "FIELD_ENCRYPTION_KEYS: its old values are still needed." in output


def test_concurrently_changed_row_is_not_overwritten(
    world: World, settings: Any, field_keys: tuple[str, str]
) -> None:
    old, new = field_keys
    stored = Stored(world)
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    column = rotation.EncryptedColumn("webhooks_endpoint", "headers", "bytes")
    row_id = stored.endpoints[0][0].id
    value = dict(rotation._next_rows(column, None))[row_id]
    with tenant_context(world.tenant()):
        Endpoint.objects.filter(id=row_id).update(headers=crypto.encrypt(b'{"x-token":"newer"}'))
    counts = rotation.ReencryptionCounts()

    rotation._move(column, row_id, value, counts)

    assert (counts.moved, counts.changed_meanwhile) == (0, 1)
    with tenant_context(world.tenant()):
        assert b"newer" in crypto.decrypt(bytes(Endpoint.objects.get(id=row_id).headers))


def test_every_file_that_encrypts_has_its_column_registered() -> None:
    users = {
        str(file.relative_to(ROOT))
        for app in ("accounts", "apikeys", "audit", "billing", "config", "core", "messaging", "webhooks")
        for file in (ROOT / app).rglob("*.py")
        if file.name != "crypto.py" and re.search(r"(?<!def )\bencrypt(_text)?\(", file.read_text())
    }
    columns = {
        "accounts/adapters.py": {"mfa_authenticator.data"},
        "apikeys/services/reports.py": {"apikeys_leakreport.secret"},
        "audit/ingest/bodies.py": {"audit_requestbodies.request", "audit_requestbodies.response"},
        "core/api/idempotency.py": {"core_idempotencyrecord.body"},
        "core/mail/backend.py": {"core_outgoingmail.content"},
        "messaging/services/sender_domains.py": {"messaging_dkimkey.private_key"},
        "webhooks/services/endpoints.py": {"webhooks_endpoint.headers", "webhooks_endpointsecret.secret"},
        "webhooks/services/secrets.py": {"webhooks_endpointsecret.secret"},
    }
    assert users == set(columns)
    assert {column.name for column in rotation.ENCRYPTED_COLUMNS} == set.union(*columns.values())


# --- SECRET_KEY -------------------------------------------------------------------------------------------------------


def test_people_stay_signed_in_while_the_secret_key_is_replaced(world: World, settings: Any) -> None:
    old, new = settings.SECRET_KEY, secrets.token_urlsafe(64)
    browser = Client()
    browser.post("/accounts/login/", {"login": world.owner.email, "password": PASSWORD})

    # Two processes at a time, one a step behind: each reads what the other wrote.
    for key, fallbacks in [(old, [new]), (new, [old]), (old, [new]), (new, [old]), (new, [])]:
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, fallbacks
        assert browser.get("/keys/").status_code == 200, (key == new, len(fallbacks))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = old, []
    assert browser.get("/keys/").status_code == 302  # the former one means nothing any more


# --- API_KEY_PEPPERS --------------------------------------------------------------------------------------------------


def test_new_peppers_are_distributed_first_and_keys_move_at_their_next_use(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], settings: Any
) -> None:
    old, new = "1:" + "5e" * 32, "2:" + secrets.token_hex(32)
    issued = issue_key(world.company)
    settings.API_KEY_PEPPERS = f"{new},{old}"
    tag = sealed.tag_of("test", ["a"])
    value = sealed.seal(tag, b"written by a process that is a step ahead")
    settings.API_KEY_PEPPERS = old
    with pytest.raises(sealed.InvalidSealedValue):  # which is why the first step is to make it known
        sealed.unseal(tag, value)
    settings.API_KEY_PEPPERS = f"{old},{new}"
    assert sealed.unseal(tag, value)
    settings.API_KEY_PEPPERS = f"{new},{old}"
    assert "API_KEY_PEPPERS: its old values are still needed." in rotate()

    grants.COPIES.clear()
    assert api(issued.client_secret).get("/v1/whoami").status == 200

    output = rotate()
    assert "API_KEY_PEPPERS: its old values can be removed." in output, output
    settings.API_KEY_PEPPERS = new
    grants.COPIES.clear()
    assert api(issued.client_secret).get("/v1/whoami").status == 200
    grants.COPIES.clear()


# --- AUDIT_SIGNING_KEY ------------------------------------------------------------------------------------------------


def seal_something(world: World) -> None:
    """Leave an entry, seal it, sign the head."""
    with tenant_context(world.tenant()):
        publish(CompanyUpdated(object_id="co_1", detail={"name": "Acme"}), actor=SYSTEM)
    seal_waiting()
    sign_heads()


def test_old_heads_verify_after_the_signing_key_was_replaced(
    world: World, settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_HEADS_FILE = str(tmp_path / "heads.jsonl")
    old, new = settings.AUDIT_SIGNING_KEY, base64.b64encode(secrets.token_bytes(32)).decode()
    seal_something(world)
    out = StringIO()
    call_command("audit_public_key", stdout=out)
    old_public = out.getvalue().strip()
    settings.AUDIT_SIGNING_KEY = new
    new_public = public_key().hex()
    with pytest.raises(CommandError, match="signature"):
        call_command("verify_audit", stdout=StringIO())
    assert "neither AUDIT_SIGNING_KEY's nor in AUDIT_VERIFY_KEYS" in rotate()

    settings.AUDIT_VERIFY_KEYS = [old_public]

    call_command("verify_audit", stdout=StringIO())
    assert "AUDIT_SIGNING_KEY: its old values are still needed." in rotate()
    seal_something(world)  # the same chain goes on under the new key
    call_command("verify_audit", stdout=StringIO())
    # A worker that is a step behind signs with the old key and believes the new one.
    settings.AUDIT_SIGNING_KEY, settings.AUDIT_VERIFY_KEYS = old, [new_public]
    seal_something(world)
    call_command("verify_audit", stdout=StringIO())


def test_invalid_public_key_is_refused_with_the_reason(settings: Any) -> None:
    settings.AUDIT_VERIFY_KEYS = ["abc"]

    with pytest.raises(Exception, match="AUDIT_VERIFY_KEYS must be public keys of 64 hex digits"):
        call_command("verify_audit", stdout=StringIO())


# --- The passwords of the servers ---------------------------------------------------------------------------------------


def test_the_database_password_is_replaced_without_a_restart() -> None:
    """A role of the test's own stands for `app`: its password is every test's."""
    role, first, second = f"rotated_{secrets.token_hex(4)}", secrets.token_hex(8), secrets.token_hex(8)
    with psycopg.connect(superuser_url(), autocommit=True) as admin, tempfile.TemporaryDirectory() as folder:
        database = admin.execute("SELECT current_database()").fetchone()[0]
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{first}'")
        admin.execute(f'GRANT CONNECT ON DATABASE "{database}" TO {role}')
        passfile = Path(folder, "pgpass")
        host = psycopg.conninfo.conninfo_to_dict(superuser_url())["host"]

        def write(password: str) -> None:
            beside = passfile.with_suffix(".new")
            beside.write_text(f"*:*:*:{role}:{password}\n")
            beside.chmod(0o600)
            beside.rename(passfile)

        write(first)
        url = f"postgresql://{role}@/{database}?host={host}&passfile={passfile}"
        with psycopg.connect(url) as before:
            admin.execute(f"ALTER ROLE {role} PASSWORD '{second}'")
            write(second)
            before.execute("SELECT 1")  # an open connection does not ask again
            with psycopg.connect(url) as after:
                after.execute("SELECT 1")
        admin.execute(f'REVOKE ALL ON DATABASE "{database}" FROM {role}')
        admin.execute(f"DROP ROLE {role}")


def test_valkey_accepts_both_passwords_during_the_rotation(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "PAUSE_SECONDS", 0.0)
    with private_valkey() as server:
        first = server.url.partition("://:")[2].partition("@")[0]
        second = secrets.token_hex(16)
        new_url = server.url.replace(first, second)
        settings.VALKEY_URL = server.url
        admin = redis.Redis.from_url(server.url)
        admin.execute_command("ACL", "SETUSER", "default", f">{second}")
        for url in (server.url, new_url):
            settings.VALKEY_URL = url
            assert commands.call("PING")
        admin.execute_command("ACL", "SETUSER", "default", f"<{first}")
        settings.VALKEY_URL = server.url
        with pytest.raises(commands.ValkeyUnavailable):
            commands.call("PING")
        settings.VALKEY_URL = new_url
        assert commands.call("PING")
        # What tests of the engine do at the end knows the first one only.
        redis.Redis.from_url(new_url).execute_command("ACL", "SETUSER", "default", f">{first}")


def test_the_runbook_names_every_secret_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    named = set(
        re.findall(r"`([A-Z][A-Z_]+)`", "\n".join(re.findall(r"^\| .*\*secret\*.*$", readme, re.MULTILINE)))
    )
    runbook = (ROOT / "docs/runbooks/rotate-secrets.md").read_text()
    assert len(named) > 12
    assert {name for name in named if name not in runbook} == set()
    assert os.path.exists(ROOT / "core/management/commands/rotate_secrets.py")
