"""The objects whose pages a person opened last, which "Find anything" offers while its field is empty.

They are kept in Valkey, one list per session. A session that every page saved would undo what another tab has changed in it
meanwhile, such as the company. Only identifiers are kept: names are read when they are shown, in companies to which the person
still belongs. The list is deleted at sign-out.
"""

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from django.http import HttpRequest

from core.principal import Mode
from core.security.crypto import sha256_hex
from core.tenancy import Tenant
from core.valkey import commands
from core.valkey.commands import Script, ValkeyUnavailable

# What an entry looks like; another release's entries are under other names.
SCHEMA = "1"
# One more than are shown, because the page that a person is on is not offered.
MOST_KEPT = 9
KEPT_SECONDS = 14 * 24 * 3600

_ADD = Script("""
redis.call('LREM', KEYS[1], 0, ARGV[1])
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
""")


@dataclass(frozen=True, slots=True)
class Visit:
    """An object whose page was opened, and where it is."""

    tenant: Tenant
    identifier: str


def note_visit(request: HttpRequest, visit: Visit) -> None:
    """Put an object at the head of the list. Nothing is noted while Valkey is unreachable."""
    if (name := _name(request)) is None:
        return
    entry = f"{visit.tenant.company_id}:{visit.tenant.mode}:{visit.identifier}"
    try:
        _ADD.run([name], [entry, MOST_KEPT, KEPT_SECONDS])
    except ValkeyUnavailable:
        return


def recent_visits(request: HttpRequest) -> list[Visit]:
    """Return what was opened in this session, newest first; nothing while Valkey is unreachable."""
    if (name := _name(request)) is None:
        return []
    try:
        entries = commands.call("LRANGE", name, 0, -1)
    except ValkeyUnavailable:
        return []
    visits = []
    for entry in entries:
        company, mode, identifier = entry.decode().split(":", 2)
        visits.append(Visit(Tenant(UUID(company), cast(Mode, mode)), identifier))
    return visits


def forget_visits(request: HttpRequest) -> None:
    """Delete the list of this session, at sign-out."""
    if (name := _name(request)) is not None:
        try:
            commands.call("DEL", name)
        except ValkeyUnavailable:
            return  # Nobody can ask for it any more: the session's key is part of its name.


def _name(request: HttpRequest) -> str | None:
    """Return the name of the session's list, which does not contain the session's key itself."""
    key = request.session.session_key
    return f"recent:{SCHEMA}:{sha256_hex(key.encode())}" if key else None
