"""The tenant: a company and a mode. Two layers isolate tenants (docs/architecture.md, Tenancy): managers and row-level security.

Both read the same scope, so they can never disagree about the company.
"""

from core.tenancy.models import (
    CompanyModel,
    CurrentTenant,
    TenantForeignKey,
    TenantManager,
    TenantModel,
    TenantQuerySet,
    referring_to,
)
from core.tenancy.scope import (
    NO_SCOPE,
    Tenant,
    TenantRequired,
    TenantScope,
    current_scope,
    current_tenant,
    require_tenant,
    system_context,
    tenant_context,
)

__all__ = [
    "NO_SCOPE",
    "CompanyModel",
    "CurrentTenant",
    "Tenant",
    "TenantForeignKey",
    "TenantManager",
    "TenantModel",
    "TenantQuerySet",
    "TenantRequired",
    "TenantScope",
    "current_scope",
    "current_tenant",
    "referring_to",
    "require_tenant",
    "system_context",
    "tenant_context",
]
