"""The audit sink in `settings.EVENT_SINKS`: writes one row for every published event, in the event's transaction."""

from collections.abc import Sequence
from typing import Any

from audit.models import AuditEntry, StaffEntry, Streams, UnsealedEntry
from core.events import Event
from core.postgres.later import send_later
from core.postgres.rows import insert_rows
from core.principal import Principal
from core.tenancy import Tenant, current_tenant, tenant_context
from core.values import ids
from core.values.redaction import redact

# The sealer's marker is written with the entry, so that it finds every committed entry, however late.
_LEAVE_TO_THE_SEALER = "INSERT INTO audit_unsealedentry (id, stream) VALUES "


def record(events: Sequence[Event], *, actor: Principal) -> None:
    """Write `events` to the current tenant's trail, or, if published by `publish_unowned`, to the staff-only table.

    Company-wide events are also written to the trail of the other mode.
    """
    tenant = current_tenant()
    rows = [{"id": ids.new_id(), **_columns(event, actor)} for event in events]
    if tenant is not None:
        _insert(rows)
        shared = [row for event, row in zip(events, rows, strict=True) if event.company_wide]
        if shared:
            # Each trail is sealed and proved separately, so the other mode gets its own entry.
            with tenant_context(Tenant(tenant.company_id, "test" if tenant.mode == "live" else "live")):
                _insert([{**row, "id": ids.new_id()} for row in shared])
    else:
        StaffEntry.objects.bulk_create(StaffEntry(**row) for row in rows)
        UnsealedEntry.objects.bulk_create(UnsealedEntry(id=row["id"], stream=Streams.STAFF) for row in rows)


def _insert(rows: list[dict[str, Any]]) -> None:
    insert_rows(AuditEntry, rows)
    left = [value for row in rows for value in (str(row["id"]), Streams.ENTRIES.value)]
    send_later(_LEAVE_TO_THE_SEALER + ", ".join(["(%s, %s)"] * len(rows)), left)


def _columns(event: Event, actor: Principal) -> dict[str, Any]:
    return {
        "action": event.type,
        "actor_kind": actor.kind,
        "actor_id": actor.id[:64],
        "actor_name": redact(actor.name)[:254],
        "target_type": event.type.rpartition(".")[0],
        "target_id": event.object_id[:64],
        "ip": actor.ip,
        # Client-supplied text may contain NUL, which PostgreSQL cannot store.
        "user_agent": redact(actor.user_agent.replace("\x00", ""))[:500],
        "request_id": actor.request_id or "",
        # Events carry no secrets, but people put them into names and notes, where they must not be kept for ninety days.
        "changes": redact(event.changes),
        "detail": redact(event.detail),
    }
