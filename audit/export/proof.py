"""A day with its proof: the head, the seals and the rows in their hashed form, as JSON Lines for `docs/verify_audit.py`."""

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

import orjson
from django.db import connection
from django.db.models import Sum

from audit.models import Seal, SealHead, Streams
from audit.seals.content import ENTRY_COLUMNS, REQUEST_COLUMNS, entry_content, request_content
from audit.seals.heads import head_as_json
from audit.signing import LEAF_BYTES, VERSION, canonical
from core.errors import NotFound
from core.tenancy import Tenant, tenant_context

SOURCES = {
    Streams.ENTRIES: ("audit_auditentry", ENTRY_COLUMNS, entry_content),
    Streams.REQUESTS: ("audit_requestlog", REQUEST_COLUMNS, request_content),
}


def find_head(stream: str, day: date) -> SealHead:
    """Return the current tenant's head of a stream and day. Raises NotFound if nothing has been sealed."""
    if stream not in SOURCES:
        raise NotFound
    found: SealHead | None = SealHead.objects.filter(stream=stream, day=day).first()
    if found is None:
        raise NotFound
    return found


def export_proof(tenant: Tenant, head: SealHead) -> Iterator[bytes]:
    """Yield the head as last signed, then each seal up to it, followed by its rows.

    Each seal is read in a separate transaction.
    """
    with tenant_context(tenant):
        _rewind_to_signature(head)
    yield orjson.dumps({"type": "head", "version": VERSION, **head_as_json(head)}) + b"\n"
    for number in range(1, head.seals + 1):
        with tenant_context(tenant):
            seal = Seal.objects.filter(stream=head.stream, day=head.day, number=number).first()
            lines = _seal_lines(head, seal) if seal is not None else []
        yield b"".join(lines)


def _rewind_to_signature(head: SealHead) -> None:
    """Rewind `head` to its last signature. Seals added since then will be in the next download."""
    if head.signed_seals in (0, head.seals):
        return
    seals = Seal.objects.filter(stream=head.stream, day=head.day, number__lte=head.signed_seals)
    head.rows = seals.aggregate(total=Sum("rows"))["total"] or 0
    head.digest = seals.order_by("-number").values_list("digest", flat=True)[0]
    head.seals = head.signed_seals


def _seal_lines(head: SealHead, seal: Seal) -> list[bytes]:
    leaves = bytes(seal.leaves)
    row_ids = [uuid.UUID(bytes=leaves[at : at + 16]) for at in range(0, len(leaves), LEAF_BYTES)]
    table, columns, content_of = SOURCES[Streams(head.stream)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM {table} WHERE company_id = %s AND mode = %s AND id = ANY(%s) "  # noqa: S608 - constants only
            "ORDER BY array_position(%s, id)",
            [head.company_id, head.mode, row_ids, row_ids],
        )
        contents = [content_of(values) for values in cursor.fetchall()]
    statement: dict[str, Any] = {
        "type": "seal",
        "number": seal.number,
        "previous": bytes(seal.previous).hex(),
        "leaves": leaves.hex(),
        "digest": bytes(seal.digest).hex(),
    }
    rows = [b'{"type":"row","content":' + canonical(content) + b"}\n" for content in contents]
    return [orjson.dumps(statement) + b"\n", *rows]
