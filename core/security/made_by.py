"""Objects that an API key created and that outlive it: listed on the key's page, and switched off when the key leaks.

Each app registers its own in its AppConfig (`traces`), so that no revocation can miss one.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol

from django.utils.module_loading import import_string

from core.principal import Principal
from core.resources import pomelo_apps

# The maximum per kind; the page says when there are more.
LISTED = 100


@dataclass(frozen=True, slots=True)
class Made:
    """One object that a key created or changed. `path` is its page, if it has one; `state` describes its current state."""

    id: str
    label: str
    state: str
    moment: datetime
    path: str = ""


class Trace(Protocol):
    """One kind of such objects, in the current tenant."""

    title: str

    def find(self, *, key_id: str, since: datetime) -> list[Made]:
        """Return the objects that are still active, newest first, at most LISTED of them."""

    def switch_off(self, *, key_id: str, since: datetime, actor: Principal) -> int:
        """Switch all of them off; return how many there were."""


@cache
def traces() -> tuple[Trace, ...]:
    """Return all kinds, in the order of the apps."""
    paths = ["core.api.idempotency.StoredResponses", *(path for app in pomelo_apps() for path in app.traces)]
    return tuple(import_string(path)() for path in paths)
