"""Idempotent writes (docs/architecture.md, Idempotency): rows, event, audit entry and stored response commit in one transaction.

A transaction-level advisory lock on the key serializes concurrent duplicates. It ends with the transaction, so a crash leaves
all or nothing, and never a stale lock. The lookup is a second statement, whose snapshot is taken after the lock.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import orjson
from django.db import connection
from django.http import HttpRequest, HttpResponse
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core import clock
from core.api.errors import (
    IdempotencyInFlight,
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
)
from core.api.json import canonical
from core.api.versions import HEADER as VERSION_HEADER
from core.background import pruning
from core.errors import ERRORS
from core.models import IDEMPOTENCY_KEPT_FOR, IdempotencyRecord
from core.postgres.rows import insert_rows
from core.principal import Principal
from core.security.crypto import decrypt, encrypt
from core.security.made_by import LISTED, Made
from core.security.reach import collecting_required_scopes
from core.tenancy import require_tenant

REPLAYED = "Idempotency-Replayed"
# The key prefix of one-time forms (core.ui.one_time_forms). An Idempotency-Key is ASCII, so the two never collide.
FORM_KEYS = "form·"
# Definitive errors of the domain, which are stored. After any other error, the same key may be retried.
STORED_REFUSALS = frozenset({402, 404, 409, 410, 422})
# Stored instead of a streamed body; an encrypted body is never empty.
NOT_KEPT = b""
_DELETE_EXPIRED = """
DELETE FROM core_idempotencyrecord WHERE id IN (
    SELECT id FROM core_idempotencyrecord WHERE expires <= %(now)s ORDER BY expires LIMIT %(step)s
)
"""
_KEPT_HEADERS = ("Content-Type", "Location", "Cache-Control", "ETag", VERSION_HEADER)


def read_key(request: HttpRequest) -> str | None:
    """Return the Idempotency-Key of `request`, without the quotes of the IETF draft's syntax; None when it has none.

    Raises InvalidIdempotencyKey unless it is 1 to 255 printable ASCII characters.
    """
    key: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise InvalidIdempotencyKey("Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return key


def fingerprint(request: Request) -> bytes:
    """Return the SHA-256 of method, path, query and canonical body, which identifies equal requests.

    The body must have been read (`core.api.rendering.read_body`). Raises what parsing it raises.
    """
    data = request.data
    # Only JSON has a canonical form. For anything else, such as files, every byte counts.
    body = canonical(data) if type(data) is dict else request.body
    parts = (request.method or "", request.path, request.META.get("QUERY_STRING", ""))
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + body).digest()


def lock_number(key: str) -> int:
    """Return the number of the advisory lock on `key` in the current tenant (63 bits of a SHA-256, and its sign)."""
    tenant = require_tenant()
    digest = hashlib.sha256(f"{tenant.company_id}:{tenant.mode}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@dataclass(frozen=True, slots=True)
class Stored:
    """The response stored under a key, and the fingerprint of its request."""

    fingerprint: bytes
    status: int
    headers: dict[str, str]
    body: bytes
    scopes: list[list[str]]
    actor: str


def lock_and_look_up(key: str, *, wait: bool = False) -> Stored | None:
    """Lock `key` and return its stored response; an expired one is deleted.

    Raises IdempotencyInFlight while a duplicate is executing, or with `wait`, waits for it to finish.
    Two statements in one message: under READ COMMITTED each takes its own snapshot, so the second sees what the previous
    holder of the lock committed.
    """
    tenant = require_tenant()
    take = "pg_advisory_xact_lock(%s) IS NOT NULL" if wait else "pg_try_advisory_xact_lock(%s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {take}; "  # noqa: S608  one of the two above
            "SELECT fingerprint, status, headers::text, body, expires, scopes::text, actor FROM core_idempotencyrecord "
            "WHERE company_id = %s AND mode = %s AND key = %s",
            [lock_number(key), tenant.company_id, tenant.mode, key],
        )
        if not cursor.fetchone()[0]:
            raise IdempotencyInFlight(
                "The first request with this key is still running.", headers={"Retry-After": "1"}
            )
        cursor.nextset()
        found = cursor.fetchone()
    if found is None:
        return None
    if found[4] <= clock.now():
        IdempotencyRecord.objects.filter(key=key).delete()
        return None
    mark, status, headers, body, _, scopes, actor = found
    return Stored(bytes(mark), status, orjson.loads(headers), bytes(body), orjson.loads(scopes), actor)


def run_once(request: Request, key: str, attempt: Callable[[], HttpResponse]) -> HttpResponse:
    """Run `attempt` under `key`, or replay its stored response. Must be called in the tenant's transaction.

    `attempt` returns a rendered response, and has rolled back its changes when it returns an error.
    A replay is authorized like the request: the API key needs every scope that was required the first time. Object permissions
    cannot be checked again, so where there are any, no other API key gets the response.
    Raises IdempotencyInFlight while a duplicate is executing, and IdempotencyKeyReused when the key belongs to another request
    or the response was streamed.
    """
    principal = cast(Principal, request.user)
    mark = fingerprint(request)
    stored = lock_and_look_up(key)
    if stored is not None:
        if stored.fingerprint != mark:
            raise IdempotencyKeyReused("This key was used for another request.")
        if stored.actor != principal.id and _has_object_permissions(request):
            raise IdempotencyKeyReused("This key was used with another API key.")
        require_same_scopes(principal, stored.scopes)
        if stored.body == NOT_KEPT:
            raise IdempotencyKeyReused(
                "This request was completed; its response was streamed, so it is not stored."
            )
        response = replay(stored)
        response.headers[REPLAYED] = "true"
        return response
    with collecting_required_scopes() as asked:
        response = attempt()
    if response.status_code < 400 or response.status_code in STORED_REFUSALS:
        keep(key, mark, response, actor=principal.id, scopes=sorted(asked))
    return response


def _has_object_permissions(request: Request) -> bool:
    """Return whether the view has object permissions, which may admit one API key and deny another."""
    view = (request.parser_context or {})["view"]
    return any(
        type(permission).has_object_permission is not BasePermission.has_object_permission
        for permission in view.get_permissions()
    )


def require_same_scopes(principal: Principal, scopes: Iterable[Sequence[str]]) -> None:
    """Require the scopes that were required while handling the first request, one of each set of alternatives.

    The endpoint's own scopes were checked already. Raises insufficient_scope.
    """
    for alternatives in scopes:
        if principal.kind == "key" and principal.scopes.isdisjoint(alternatives):
            # The error class belongs to apikeys, which core must not import.
            raise ERRORS["insufficient_scope"](
                "The response stored under this Idempotency-Key needs a scope that this key lacks.",
                facts={"required_scopes": list(alternatives), "granted_scopes": sorted(principal.scopes)},
            )


def keep(
    key: str, mark: bytes, response: HttpResponse, *, actor: str = "", scopes: Sequence[Sequence[str]] = ()
) -> None:
    """Store the response to the request with the fingerprint `mark`, in the same transaction.

    Members that are shown once (`shown_once`) are never stored; a replay has null there. For a streamed response, whose body
    starts after the commit, only the fact that it was sent is stored, as there is nothing to replay.
    """
    record = {
        "key": key,
        "fingerprint": mark,
        "status": response.status_code,
        "headers": {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
        "body": NOT_KEPT if response.streaming else encrypt(_without_secrets(response)),
        "actor": actor[:64],
        "scopes": [list(alternatives) for alternatives in scopes],
        "expires": clock.now() + IDEMPOTENCY_KEPT_FOR,
    }
    insert_rows(IdempotencyRecord, [record])


def _without_secrets(response: HttpResponse) -> bytes:
    names: Sequence[str] = getattr(response, "shown_once", ())
    if not names:
        return response.content
    return orjson.dumps({**orjson.loads(response.content), **dict.fromkeys(names)})


class StoredResponses:
    """Stored responses of a key (core.security.made_by), which anyone with its Idempotency-Keys could replay."""

    title = "Answers kept for its Idempotency-Keys"

    def find(self, *, key_id: str, since: datetime) -> list[Made]:
        """Return those that are still stored."""
        rows = IdempotencyRecord.objects.filter(actor=key_id, created__gte=since, expires__gt=clock.now())
        return [
            Made(id=row.key, label=row.key, state=f"status {row.status}", moment=row.created)
            for row in rows.order_by("-id")[:LISTED]
        ]

    def switch_off(self, *, key_id: str, since: datetime, actor: Principal) -> int:
        """Delete them."""
        forgotten, _ = IdempotencyRecord.objects.filter(actor=key_id, created__gte=since).delete()
        return forgotten


def has_idempotent_write(now: datetime) -> bool:
    """Return whether an API caller sent an Idempotency-Key within IDEMPOTENCY_KEPT_FOR. Keys of forms, which are not ASCII, do not count."""
    return IdempotencyRecord.objects.filter(expires__gt=now).exclude(key__startswith=FORM_KEYS).exists()


def prune_expired(*, now: datetime, max_steps: int = 2_000, step: int = pruning.STEP) -> int:
    """Delete expired responses of all companies, `step` per transaction; return how many."""
    return pruning.in_steps(
        "core_idempotencyrecord",
        _DELETE_EXPIRED,
        {"now": now},
        reason="prune expired idempotency keys",
        max_steps=max_steps,
        step=step,
    )


def replay(stored: Stored) -> HttpResponse:
    """Return the stored response."""
    response = HttpResponse(decrypt(stored.body), status=stored.status)
    for name, value in stored.headers.items():
        response.headers[name] = value
    response.headers["Content-Length"] = str(len(response.content))
    return response
