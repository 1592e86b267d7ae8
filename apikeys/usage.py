"""Last use of keys, secrets, scopes and deprecated features: buffered in memory, written in batches (docs/architecture.md, Keys).

On the hot path a use costs two dict assignments under a lock that is held for nothing else. A background thread flushes the
buffer every FLUSH_SECONDS. A killed process loses at most that much of a figure that is shown to the minute.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from apikeys.grants import GrantFacts
from core.background import set_aside
from core.background.loops import Loop
from core.postgres.failures import is_conflict
from core.tenancy import system_context
from core.values import ids
from core.values.texts import storable

FLUSH_SECONDS = 15.0
MAX_AGENT_LENGTH = 300

# Uses by secret: when (epoch seconds), from which address and with which agent. Needs by key, kind (SCOPE, DEPRECATED) and
# name: when the scope was needed, or the deprecated feature used.
Uses = dict[UUID, tuple[GrantFacts, float, str, str]]
Needs = dict[tuple[UUID, str, str], tuple[GrantFacts, float]]
SCOPE, DEPRECATED = "scope", "deprecated"

log = structlog.get_logger("pomelo.apikeys.usage")

# Keys before their secrets (core.postgres.locks), each in the order of their ids, so that a concurrent rotation or flush is
# waited for without a deadlock. An UPDATE from a list would lock its rows in the order of its plan.
_LOCK_KEYS = "SELECT FROM apikeys_apikey WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_LOCK_SECRETS = "SELECT FROM apikeys_apikeysecret WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_WRITE_SECRETS = """
UPDATE apikeys_apikeysecret AS secret
SET last_used_at = used.at, last_used_ip = used.ip::inet, last_used_agent = used.agent,
    activated_at = coalesce(secret.activated_at, used.at)
FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[]) AS used(id, at, ip, agent)
WHERE secret.id = used.id AND (secret.last_used_at IS NULL OR secret.last_used_at < used.at)
"""
_WRITE_KEYS = """
UPDATE apikeys_apikey AS key
SET last_used_at = used.at, last_used_ip = used.ip::inet
FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[]) AS used(id, at, ip)
WHERE key.id = used.id AND (key.last_used_at IS NULL OR key.last_used_at < used.at)
"""
_WRITE_NEEDS = """
INSERT INTO {table} (id, company_id, mode, created, key_id, {column}, last_used_at)
SELECT used.id, used.company, used.mode, used.at, used.key, used.name, used.at
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::timestamptz[])
     AS used(id, company, mode, key, name, at)
WHERE EXISTS (SELECT FROM apikeys_apikey WHERE id = used.key)
ON CONFLICT (company_id, mode, key_id, {column}) DO UPDATE SET last_used_at = excluded.last_used_at
WHERE {table}.last_used_at < excluded.last_used_at
"""
_WRITES = {
    SCOPE: _WRITE_NEEDS.format(table="apikeys_apikeyscopeuse", column="scope"),
    DEPRECATED: _WRITE_NEEDS.format(table="apikeys_apikeydeprecateduse", column="what"),
}


class UsageBuffer:
    """Uses since the last flush."""

    def __init__(self) -> None:
        self._loop = Loop("key-usage", self._flush_with_own_connection, every=FLUSH_SECONDS)
        self.reset()

    def reset(self) -> None:
        """Drop all state. A forked child has neither the parent's thread nor its buffer."""
        self._uses: Uses = {}
        self._needs: Needs = {}
        # Held for two assignments, so that no dict is copied or merged while another thread writes to it.
        self._noting = threading.Lock()
        self._flushing = threading.Lock()

    def note(
        self, facts: GrantFacts, scope: str, at: float, ip: str, agent: str, deprecated: Iterable[str] = ()
    ) -> None:
        """Record that a secret was used for `scope` (empty if none was needed) at `at` (epoch seconds).

        `deprecated` names the deprecated features it used.
        """
        with self._noting:
            self._uses[facts.secret_id] = (facts, at, ip, agent)
            if scope:
                self._needs[facts.key_id, SCOPE, scope] = (facts, at)
            for what in deprecated:
                self._needs[facts.key_id, DEPRECATED, what] = (facts, at)
        self._loop.start()

    def flush(self) -> None:
        """Write the buffer. Anything that cannot be written is kept for the next flush."""
        with self._flushing:
            with self._noting:
                uses, self._uses = self._uses, {}
                needs, self._needs = self._needs, {}
            if not uses and not needs:
                return
            try:
                self._write_or_halve(uses, needs)
            except Exception as error:
                log.warning("key_usage_postponed", count=len(uses), error=type(error).__name__)
                with self._noting:
                    self._uses = {**uses, **self._uses}
                    self._needs = {**needs, **self._needs}
                if not isinstance(error, (OperationalError, InterfaceError)):
                    raise

    def _write_or_halve(self, uses: Uses, needs: Needs) -> None:
        """Write the uses. One that cannot be written is found by bisection, set aside and skipped.

        Errors that mean PostgreSQL is down, or busy with the same rows, are raised, and the whole batch is retried.
        """
        try:
            self._write(uses, needs)
        except Exception as error:
            if set_aside.concerns_all(error) or is_conflict(error):
                raise
            if len(uses) + len(needs) == 1:
                facts = next(iter(uses.values()))[0] if uses else next(iter(needs.values()))[0]
                set_aside.record_failure(
                    "apikeys.usage", ids.encode("key", facts.key_id), error, row_id=facts.key_id
                )
                return
            for some_uses, some_needs in _halves(uses, needs):
                self._write_or_halve(some_uses, some_needs)

    def _write(
        self,
        uses: Uses,
        needs: Needs,
    ) -> None:
        newest: dict[UUID, tuple[float, str]] = {}
        for facts, at, ip, _ in uses.values():
            if at > newest.get(facts.key_id, (0.0, ""))[0]:
                newest[facts.key_id] = (at, ip)
        with system_context(reason="last use of keys"), connection.cursor() as cursor:
            cursor.execute(_LOCK_KEYS, [sorted(newest)])
            cursor.execute(_LOCK_SECRETS, [sorted(uses)])
            rows = sorted(uses.items())
            _execute(
                cursor,
                _WRITE_SECRETS,
                [
                    (id_, _moment(at), ip, storable(agent.replace("\x00", ""))[:MAX_AGENT_LENGTH])
                    for id_, (_, at, ip, agent) in rows
                ],
            )
            _execute(
                cursor, _WRITE_KEYS, [(id_, _moment(at), ip) for id_, (at, ip) in sorted(newest.items())]
            )
            for kind, statement in _WRITES.items():
                _execute(
                    cursor,
                    statement,
                    [
                        (ids.new_id(), facts.company_id, facts.mode, key_id, name, _moment(at))
                        for (key_id, found, name), (facts, at) in sorted(
                            needs.items(), key=lambda item: item[0]
                        )
                        if found == kind
                    ],
                )

    def _flush_with_own_connection(self) -> None:
        close_old_connections()
        self.flush()
        close_old_connections()


def _halves(uses: Uses, needs: Needs) -> Iterator[tuple[Uses, Needs]]:
    """Yield two halves of a batch of at least two entries."""
    if uses and needs:
        yield uses, {}
        yield {}, needs
        return
    used, needed = list(uses.items()), list(needs.items())
    yield dict(used[: len(used) // 2]), dict(needed[: len(needed) // 2])
    yield dict(used[len(used) // 2 :]), dict(needed[len(needed) // 2 :])


def _execute(cursor: Any, sql: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        cursor.execute(sql, [list(column) for column in zip(*rows, strict=True)])


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


BUFFER = UsageBuffer()

os.register_at_fork(after_in_child=BUFFER.reset)
