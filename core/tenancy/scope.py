"""What the current transaction may see: one tenant, a company and a mode, or (by `system_context`) every company.

The scope is a context variable. `core.postgres` writes it into the transaction together with its first query, so a request
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
    """A company's table was queried without a tenant. This is a mistake in our code, never in the caller's request."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company and a mode: everything a request may see."""

    company_id: uuid.UUID
    mode: Mode


@dataclass(frozen=True, slots=True)
class TenantScope:
    """What the current transaction may touch: one tenant's rows, or (system) every row."""

    tenant: Tenant | None = None
    system_reason: str | None = None


NO_SCOPE = TenantScope()
_scope: ContextVar[TenantScope] = ContextVar("scope", default=NO_SCOPE)


def current_scope() -> TenantScope:
    """Return the scope that `core.postgres` applies to the next query."""
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
    """Run the block in a transaction that sees `tenant` and nothing else.

    Nested in another scope it is a savepoint, and the outer scope is restored on leaving; in the same one it is neither.
    """
    with _scoped(TenantScope(tenant=tenant)):
        yield


@contextmanager
def system_context(*, reason: str) -> Iterator[None]:
    """Run the block in a transaction as the database role `system`, which sees every company's rows.

    The one door for work that is not a tenant's own: the relay, pruning, staff, and the look-ups that find out which
    tenant a request belongs to. `reason` says which of these it is; a test lists the callers.
    """
    if not reason:
        raise ValueError("system_context needs a reason.")
    with _scoped(TenantScope(system_reason=reason)):
        yield
