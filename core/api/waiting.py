"""An answer that is still empty and may be kept back until there is something to say (`wait=`): how a view says so to the server.

The view has answered when the wait begins, so no thread, transaction or connection to the database is held by it. The server in front
(`config.door.waiting`) keeps the answer as long as it has room, and otherwise sends it at once; any other server sends it at once.
"""

from dataclasses import dataclass

from core.api.access import ApiRequest
from core.tenancy import Tenant

LONGEST_SECONDS = 20
# Where the server looks for it in the WSGI environ, which is the `META` of Django's request.
KEY = "pomelo.wait"


@dataclass(frozen=True, slots=True)
class Wait:
    """Keep the answer back for `seconds`, or until `tenant` has an event after `position`; then the request is made again."""

    tenant: Tenant
    position: int
    seconds: int


def hold_response(request: ApiRequest, *, position: int, seconds: int) -> None:
    """Let the answer to `request` wait for the next event of its tenant after `position`."""
    request.META[KEY] = Wait(request.auth.tenant, position, seconds)
