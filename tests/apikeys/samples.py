"""Sample objects for the key pages."""

from collections.abc import Callable

from accounts.models import Company
from core.tenancy import Tenant
from tests.factories import make_key


def make_api_key(tenant: Tenant) -> str:
    """Return the Client ID of a key."""
    return make_key(Company(id=tenant.company_id), mode=tenant.mode).client_id


# By the beginning of the page's route; pages whose first segment is in OBJECTS need no line.


PAGE_OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "keys/": make_api_key,
}
