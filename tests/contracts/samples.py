"""What every operation and page needs: an object for its path, and a body it accepts. Each app's `samples` says its own.

`OBJECTS` is keyed by the first path segment, or by an operation that takes an object in another state, `BODIES` by the operation, `PAGE_OBJECTS` by the beginning of a page's route
(pages whose first segment is in `OBJECTS` need no line).
"""

from collections.abc import Callable

from core.tenancy import Tenant
from tests.contracts.by_app import Body, collect

OBJECTS: dict[str, Callable[[Tenant], str]] = collect("samples", "OBJECTS")
BODIES: dict[str, Callable[[Tenant], Body]] = collect("samples", "BODIES")
PAGE_OBJECTS: dict[str, Callable[[Tenant], str]] = collect("samples", "PAGE_OBJECTS")
