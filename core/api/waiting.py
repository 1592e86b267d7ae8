"""Long polling (`wait=`): lets a view ask the server to hold an empty response until there is something to return.

The view has returned when the wait begins, so it holds no thread, transaction or database connection. The server in front
(`config.door.waiting`) holds the response while it has capacity, and otherwise sends it immediately, as any other server does.
"""

from dataclasses import dataclass

from core.api.access import ApiRequest
from core.tenancy import Tenant

LONGEST_SECONDS = 20
# The key in the WSGI environ (Django's `request.META`) where the server looks for it.
KEY = "pomelo.wait"


@dataclass(frozen=True, slots=True)
class Wait:
    """Hold the response for `seconds`, or until `tenant` has an event after `position`, then run the request again."""

    tenant: Tenant
    position: int
    seconds: int


def hold_response(request: ApiRequest, *, position: int, seconds: int) -> None:
    """Ask the server to hold the response until the tenant's next event after `position`."""
    request.META[KEY] = Wait(request.auth.tenant, position, seconds)
