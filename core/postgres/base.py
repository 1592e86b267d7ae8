"""The database wrapper. It batches a transaction's housekeeping statements with its queries to save round trips.

Three kinds of statements would otherwise cost a round trip each: the scope of `core.tenancy` (`set_config(…, true)` and
`SET LOCAL ROLE`, which last until the end of the transaction); the transaction's own statements (`BEGIN`, `SAVEPOINT`,
`RELEASE SAVEPOINT`); and writes whose result is not needed at once (`send_later`). They are queued and sent in front of the
next query, in the same message; writes still queued at the end are sent with the `COMMIT`. A request that runs no query sends
nothing at all, and an empty savepoint is never created. The `COMMIT` of a read-only transaction may be appended to its last
query (`ending_with_next_query`). ADR 8 has the invariant and the states; `DATABASE_STATEMENTS_APART` switches all of it off.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from psycopg import Copy
from psycopg.pq import Escaping, TransactionStatus

from core.postgres import pool_metrics
from core.postgres.breaker import breaker
from core.postgres.end_of_request import note_connected
from core.postgres.failures import name_statement
from core.postgres.moments import with_moments
from core.tenancy.scope import Tenant, current_scope

# The scope at the start of a transaction: no tenant, the login role.
_NOTHING: tuple[Tenant | None, bool] = (None, False)
_BEGIN = "BEGIN"
_COMMIT = "COMMIT"
# Substrings that mark a SELECT with side effects: row locks, advisory locks, sequences.
_MORE_THAN_READS = (" FOR ", "pg_", "val(")


class _Write(str):
    """A queued statement that changes rows. Other queued statements may be dropped when nothing follows; a write never is."""

    __slots__ = ()


def _literal(text: str | None, escape: Callable[[bytes], bytes]) -> str:
    """Return `text` as an SQL literal. Only text that needs escaping goes through libpq."""
    if text is None:
        return "NULL"
    if "'" in text or "\\" in text:
        return escape(text.encode()).decode()
    return f"'{text}'"


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL with the scope of the context applied to every transaction of the alias `default`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # (tenant, is system), or None when a ROLLBACK TO SAVEPOINT may have restored earlier settings.
        self._applied: tuple[Tenant | None, bool] | None = _NOTHING
        # Statements queued for the next query, in order.
        self._waiting: list[str] = []
        # A cursor that sends nothing: it only renders the parameters of queued statements.
        self._pen: psycopg.ClientCursor[Any] | None = None
        self._rolling_back = False
        # Whether the transaction has neither written nor locked anything yet, and whether its next query should end it.
        self._only_reads = True
        self._ending = self._ends_after_writes = False
        # For debugging: every statement is sent on its own, so an error surfaces where it was caused.
        self.sends_apart: bool = settings.DATABASE_STATEMENTS_APART
        self._is_default = self.alias == "default"
        if self._is_default:
            self.execute_wrappers.append(self._send_along)

    def get_connection_params(self) -> dict[str, Any]:
        """Return Django's connection parameters, plus our loader for timestamps."""
        params: dict[str, Any] = super().get_connection_params()
        params["context"] = with_moments(params["context"])
        return params

    def send_later(self, sql: str, params: Sequence[Any] | Mapping[str, Any]) -> None:
        """Queue a write, to be executed with the transaction's next query or with its COMMIT.

        Every later query sees its effect, and rolling back a savepoint undoes it. Do not use it for writes that a caller's
        input can make fail: the error is raised by the statement it was sent with. Outside a transaction, and on aliases
        other than `default`, the write is executed immediately.
        """
        if not (self._is_default and self.in_atomic_block):
            with self.cursor() as cursor:
                cursor.execute(sql, params)
            return
        self.validate_no_broken_transaction()
        if self._pen is None:
            self._pen = self.connection.cursor()
        statement = _Write(self._written_out(self._pen, sql, params))
        self._scope_first()
        self._waiting.append(statement)
        self._only_reads = False
        if self.sends_apart:
            self._send_waiting()

    @contextmanager
    def ending_with_next_query(self, *, after_writes: bool = False) -> Iterator[None]:
        """Append the COMMIT to the query made inside the block: for the last query of a read-only transaction.

        If something was written or locked before, or a savepoint is open, the COMMIT is sent at the end as usual. A query that
        follows anyway starts a new transaction under the same scope. Reads cannot tell the difference, because READ COMMITTED
        gives each statement its own snapshot.

        `after_writes` also allows it after writes, when this query is all that is left to do: a failure after it no longer
        rolls the writes back.
        """
        before = self._ending, self._ends_after_writes
        self._ending, self._ends_after_writes = True, after_writes
        try:
            yield
        finally:
            self._ending, self._ends_after_writes = before

    @contextmanager
    def copying(self, sql: str) -> Iterator[Copy]:
        """Send rows by `COPY … FROM STDIN` in the current transaction, after all queued statements.

        Errors from PostgreSQL are raised as Django's database errors, as for any query.
        """
        self.validate_no_broken_transaction()
        self._only_reads = False
        self._scope_first()
        self._send_waiting()
        with self.wrap_database_errors, self.connection.cursor() as cursor, cursor.copy(sql) as copy:
            yield copy

    def _send_waiting(self) -> None:
        if self._waiting and not self.sends_apart:
            self._execute_together(self._waiting)
            self._waiting = []
        while self._waiting:
            self._execute_together([self._waiting.pop(0)])

    def _execute_together(self, statements: Sequence[str]) -> None:
        try:
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.execute("; ".join(statements))
        except Exception as error:
            name_statement(error, statements)
            raise

    def _written_out(self, cursor: Any, sql: str, params: Sequence[Any] | Mapping[str, Any] | None) -> str:
        """Return `sql` with its parameters as literals, which is how a client-side cursor sends it anyway."""
        if params is None:
            return sql
        if not isinstance(params, Mapping) and all(
            one is None or (type(one) is str and "\0" not in one) for one in params
        ):
            # Mostly the rows of core.postgres.rows: a fifth of what the driver takes, which looks up a type for each value.
            escape = Escaping(self.connection.pgconn).escape_literal
            return sql % tuple([_literal(one, escape) for one in params])
        with self.wrap_database_errors:
            written: str = cursor.mogrify(sql, params)
        return written

    def _scope_first(self) -> None:
        """Queue the settings of the current scope, unless PostgreSQL already has them."""
        scope = current_scope()
        wanted = (scope.tenant, scope.system_reason is not None)
        if wanted != self._applied:
            self._waiting += self._settings(*wanted)
            self._applied = wanted

    def _send_along(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if self._rolling_back:
            return execute(sql, params, many, context)
        if self.in_atomic_block:
            self._scope_first()
        waiting = self._waiting
        ends = self._ends_with(sql, many, context)
        if not waiting and not ends:
            try:
                return execute(sql, params, many, context)
            except Exception:
                self._note_broken()
                raise
        cursor = context["cursor"].cursor
        message: list[str] = []
        try:
            if self.sends_apart or many or type(cursor) is not base.Cursor or not isinstance(sql, str):
                # Batches and server-side cursors use the extended protocol, which takes one statement a message.
                self._send_waiting()
                return execute(sql, params, many, context)
            message = [*waiting, self._written_out(cursor, sql, params), *([_COMMIT] if ends else ())]
            result = execute("; ".join(message), None, many, context)
        except Exception as error:
            name_statement(error, message)
            # A failed query comes after what it travelled with: PostgreSQL has executed that, or taken it back together
            # with the transaction. Only when the query never left (a value that cannot be written as SQL) is everything
            # still to be sent.
            self._note_broken()
            if self.connection.pgconn.transaction_status == TransactionStatus.INERROR:
                self._waiting = []
            raise
        self._waiting = []
        if ends:
            # Back to the initial state: a query that follows anyway starts a new transaction.
            self._forget()
            self._waiting = [_BEGIN]
        cursor.set_result(len(waiting))  # type: ignore[attr-defined]
        return result

    def _ends_with(self, sql: Any, many: bool, context: dict[str, Any]) -> bool:
        """Return whether the COMMIT may be appended to this query, and record whether the query has side effects."""
        is_plain = not many and isinstance(sql, str) and type(context["cursor"].cursor) is base.Cursor
        reads = is_plain and sql.startswith("SELECT ") and not any(mark in sql for mark in _MORE_THAN_READS)
        if not reads:
            self._only_reads = False
        ends = self._ending and (self._only_reads or (reads and self._ends_after_writes))
        return ends and self.in_atomic_block and not self.savepoint_ids and not self.sends_apart

    def _note_broken(self) -> None:
        if self.connection is not None and self.connection.broken:
            breaker.suspect()

    def _settings(self, tenant: Tenant | None, is_system: bool) -> list[str]:
        statements = []
        if self._applied is None or tenant != self._applied[0]:
            # A UUID and one of two words: safe to write as literals.
            company, mode = (str(tenant.company_id), tenant.mode) if tenant else ("", "")
            statements.append(
                f"SELECT set_config('app.company', '{company}', true), set_config('app.mode', '{mode}', true)"
            )
        if self._applied is None or is_system != self._applied[1]:
            statements.append("SET LOCAL ROLE system" if is_system else "SET LOCAL ROLE NONE")
        return statements

    def _forget(self) -> None:
        self._applied = _NOTHING
        self._waiting = []
        self._only_reads = True

    def connect(self) -> None:
        """Open a connection with no scope applied. Raises OperationalError, immediately while the breaker is open."""
        self._forget()
        self._pen = None
        note_connected()
        if not self._is_default:
            super().connect()
            return
        breaker.check()
        try:
            super().connect()
        except psycopg.OperationalError:
            breaker.suspect()
            raise
        finally:
            if (pool := self.pool) is not None:
                pool_metrics.note(pool)

    def _set_autocommit(self, autocommit: bool) -> None:
        if not self._is_default:
            super()._set_autocommit(autocommit)  # type: ignore[misc]
        elif self.connection.autocommit:
            # The driver stays in autocommit, or it would send a BEGIN of its own.
            self._waiting = [] if autocommit else [_BEGIN]
        else:
            super()._set_autocommit(True)  # type: ignore[misc]

    def _commit(self) -> Any:
        waiting = self._waiting
        self._forget()
        if any(isinstance(statement, _Write) for statement in waiting):
            self._execute_together([*waiting, _COMMIT])
            return None
        if self._is_default and self.connection.pgconn.transaction_status == TransactionStatus.IDLE:
            return None  # its BEGIN was never sent
        return super()._commit()  # type: ignore[misc]

    def _rollback(self) -> Any:
        self._forget()
        return super()._rollback()  # type: ignore[misc]

    def _close(self) -> Any:
        self._forget()
        self._pen = None
        return super()._close()  # type: ignore[misc]

    def _savepoint(self, sid: str) -> None:
        if self._is_default:
            self._waiting.append(self.ops.savepoint_create_sql(sid))
        else:
            super()._savepoint(sid)  # type: ignore[misc]

    def _savepoint_commit(self, sid: str) -> None:
        if not self._is_default:
            super()._savepoint_commit(sid)  # type: ignore[misc]
        elif (unsent := self._place_of(sid)) is not None:
            # Nothing can roll back to it any more, so it need not be created. What is queued after it stays.
            del self._waiting[unsent]
        else:
            self._waiting.append(self.ops.savepoint_commit_sql(sid))

    def _savepoint_rollback(self, sid: str) -> None:
        if (unsent := self._place_of(sid)) is not None:
            # PostgreSQL has not seen any of it. The savepoint itself stays queued, as ROLLBACK TO would leave it.
            del self._waiting[unsent + 1 :]
            self._applied = None  # the settings may have been among what was dropped
            return
        # Everything queued belongs to savepoints that end here. The transaction may also be aborted: PostgreSQL accepts
        # nothing before the ROLLBACK itself.
        self._waiting = []
        self._rolling_back = True
        try:
            super()._savepoint_rollback(sid)  # type: ignore[misc]
        finally:
            self._rolling_back = False
            self._applied = None

    def _place_of(self, sid: str) -> int | None:
        """Return the queue position of the savepoint `sid`; None when it was already sent."""
        created = self.ops.savepoint_create_sql(sid)
        return self._waiting.index(created) if created in self._waiting else None
