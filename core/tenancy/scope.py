"""The current transaction's scope: one tenant (a company and a mode) or, in `system_context`, all companies.

The scope is a context variable. `core.postgres` sets it in the transaction together with the first query, so a request
that needs no SQL sends none.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.db import transaction

from core.principal import Mode


class TenantRequired(RuntimeError):
    """A company's table was queried without a tenant: a bug in our code, never in the caller's request."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company and a mode: everything a request may see."""

    company_id: uuid.UUID
    mode: Mode


@dataclass(frozen=True, slots=True)
class TenantScope:
    """What the current transaction may access: one tenant's rows or, for the system, all rows."""

    tenant: Tenant | None = None
    system_reason: str | None = None


NO_SCOPE = TenantScope()
_scope: ContextVar[TenantScope] = ContextVar("scope", default=NO_SCOPE)


def current_scope() -> TenantScope:
    """Return the scope for `core.postgres` to apply to the next query."""
    return _scope.get()


def current_tenant() -> Tenant | None:
    """Return the tenant of the current context, or None outside of one."""
    return _scope.get().tenant


def require_tenant() -> Tenant:
    """Return the current tenant; raises TenantRequired outside of one."""
    tenant = _scope.get().tenant
    if tenant is None:
        raise TenantRequired("No tenant is set: wrap the call in tenant_context(…).")
    return tenant


@contextmanager
def _scoped(scope: TenantScope) -> Iterator[None]:
    if _scope.get() == scope and transaction.get_connection().in_atomic_block:
        yield
        return
    with transaction.atomic():
        token = _scope.set(scope)
        try:
            yield
        finally:
            _scope.reset(token)


@contextmanager
def tenant_context(tenant: Tenant) -> Iterator[None]:
    """Run the block in a transaction that sees only `tenant`.

    Nested in a different scope, it opens a savepoint and restores the outer scope on exit; in the same scope it does neither.
    """
    with _scoped(TenantScope(tenant=tenant)):
        yield


@contextmanager
def system_context(*, reason: str) -> Iterator[None]:
    """Run the block in a transaction as the database role `system`, which sees every company's rows.

    Only for work that belongs to no single tenant: the relay, pruning, staff, and finding out which tenant a request belongs
    to. `reason` says which of these it is; a test lists the callers.
    """
    if not reason:
        raise ValueError("system_context needs a reason.")
    with _scoped(TenantScope(system_reason=reason)):
        yield
