"""The database wrapper: writes the scope of `core.tenancy` into the transaction together with its first query.

`set_config(…, true)` and `SET LOCAL ROLE` last until the end of the transaction. They travel in front of the query in the
same message, so the tenant costs no round trip, and a request that sends no query sends no setting either.
"""

from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base

from core import tenancy

# What a transaction starts with: no tenant, the login role.
_NOTHING: tuple[tenancy.Tenant | None, bool] = (None, False)


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL with the scope of the context applied to every transaction of the alias `default`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # (tenant, is system), or None when a ROLLBACK TO SAVEPOINT left the settings at some earlier moment's.
        self._applied: tuple[tenancy.Tenant | None, bool] | None = _NOTHING
        self._rolling_back = False
        if self.alias == "default":
            self.execute_wrappers.append(self._apply_scope)

    def _apply_scope(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        scope = tenancy.current_scope()
        wanted = (scope.tenant, scope.system_reason is not None)
        if wanted == self._applied or not self.in_atomic_block or self._rolling_back:
            return execute(sql, params, many, context)
        statements = self._statements(*wanted)
        cursor = context["cursor"].cursor
        if many or type(cursor) is not base.Cursor or not isinstance(sql, str):
            # Batches and server-side cursors use the extended protocol, which takes one statement a message.
            with self.connection.cursor() as plain:
                plain.execute("; ".join(statements))
            result = execute(sql, params, many, context)
        else:
            result = execute("; ".join([*statements, sql]), params, many, context)
            for _ in statements:
                cursor.nextset()  # type: ignore[attr-defined]
        self._applied = wanted
        return result

    def _statements(self, tenant: tenancy.Tenant | None, is_system: bool) -> list[str]:
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

    def connect(self) -> None:
        """Open a connection, on which nothing is applied yet."""
        self._forget()
        super().connect()

    def _commit(self) -> Any:
        self._forget()
        return super()._commit()  # type: ignore[misc]

    def _rollback(self) -> Any:
        self._forget()
        return super()._rollback()  # type: ignore[misc]

    def _close(self) -> Any:
        self._forget()
        return super()._close()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        # The transaction may be aborted: PostgreSQL accepts nothing before the ROLLBACK itself.
        self._rolling_back = True
        try:
            super()._savepoint_rollback(sid)  # type: ignore[misc]
        finally:
            self._rolling_back = False
            self._applied = None
