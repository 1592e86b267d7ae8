"""What a key has made that goes on without it: listed on its page, and switched off when the key leaks.

Each app names its own in its AppConfig (`traces`), so that no revocation can forget one.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol

from django.utils.module_loading import import_string

from core.principal import Principal
from core.resources import pomelo_apps

# Of one kind; a page says when there are more.
LISTED = 100


@dataclass(frozen=True, slots=True)
class Made:
    """One thing that a key made or changed. `path` is its page, if it has one; `state` says what it does now."""

    id: str
    label: str
    state: str
    moment: datetime
    path: str = ""


class Trace(Protocol):
    """One kind of such things, of the current tenant."""

    title: str

    def find(self, *, key_id: str, since: datetime) -> list[Made]:
        """Return what is still at work, newest first, at most LISTED of them."""

    def switch_off(self, *, key_id: str, since: datetime, actor: Principal) -> int:
        """Switch all of it off; return how many were."""


@cache
def traces() -> tuple[Trace, ...]:
    """Return every kind, in the order of the apps."""
    paths = ["core.api.idempotency.StoredAnswers", *(path for app in pomelo_apps() for path in app.traces)]
    return tuple(import_string(path)() for path in paths)
