"""Verifies stored rows against seals, seals against heads, and heads against their signatures."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection

from audit.days import day_bounds
from audit.models import PruneCheckpoint, Seal, SealHead, Streams, UnsealedEntry
from audit.partitions.tables import list_partitions
from audit.retention import STREAM_OF, checkpoint_statement, heads_digest
from audit.seals.content import (
    ENTRY_COLUMNS,
    REQUEST_COLUMNS,
    STAFF_COLUMNS,
    UNOWNED_COLUMNS,
    entry_content,
    request_content,
)
from audit.seals.heads import chain_of, exported_heads, is_signed_export
from audit.signing import GENESIS, LEAF_BYTES, Chain, canonical, head_statement, is_signed, leaf, seal_digest
from core import clock
from core.tenancy import system_context
from core.values import ids

# Entries are sealed, and changed heads signed, within a minute or two; a longer delay is a finding.
UNSEALED_AFTER = UNSIGNED_AFTER = timedelta(minutes=10)
ID_BYTES = 16

SOURCES = {
    Streams.ENTRIES: ("audit_auditentry", ENTRY_COLUMNS, entry_content, "aud"),
    Streams.STAFF: ("audit_staffentry", STAFF_COLUMNS, entry_content, "aud"),
    Streams.REQUESTS: ("audit_requestlog", REQUEST_COLUMNS, request_content, "req"),
    Streams.UNOWNED: ("audit_unownedrequest", UNOWNED_COLUMNS, request_content, "req"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A deviation from what was sealed.

    `what` is edited, deleted, inserted, seal_altered, seal_missing, cut_off, signature, unsealed, unsigned, head_missing or
    day_missing; `subject` names the row, seal or day.
    """

    what: str
    subject: str
    chain: str

    def __str__(self) -> str:
        return f"{self.what}: {self.subject} ({self.chain})"


def list_heads() -> list[SealHead]:
    """Return the head of every chain, oldest day first."""
    with system_context(reason="verify audit"):
        return list(SealHead.objects.order_by("day", "stream", "company_id", "mode"))


def verify_chain(head: SealHead, exported: dict[str, Any] | None = None) -> Iterator[Finding]:
    """Yield the findings of one chain, in the order of its rows. For a dropped day, only the head is verified."""
    with system_context(reason="verify audit"):
        # The head is reloaded together with the seals, because a writer may be extending the chain.
        head = SealHead.objects.get(id=head.id)
        if not is_kept(head):
            yield from _verify_signature(
                head, {head.seals: (bytes(head.digest), head.rows)}, exported, dropped=True
            )
            return
        states: dict[int, tuple[bytes, int]] = {0: (GENESIS, 0)}
        yield from _verify_seals(head, states)
        yield from _verify_end(head, states)
        yield from _verify_signature(head, states, exported, dropped=False)
        yield from _verify_no_insertions(head)


def is_kept(head: SealHead) -> bool:
    """Return whether the rows sealed by `head` still exist: expired days are dropped, but their heads are kept."""
    table, *_ = SOURCES[Streams(head.stream)]
    return any(p.parent == table and p.day == head.day for p in list_partitions(using="default"))


def verify_drop(head: SealHead) -> Iterator[Finding]:
    """Yield findings about the dropped day of `head`: a missing checkpoint, or one that does not match its signature."""
    table, *_ = SOURCES[Streams(head.stream)]
    with system_context(reason="verify audit"):
        yield from _verify_checkpoint(table, head.stream, head.day)


def verify_days(only: date | None = None) -> Iterator[Finding]:
    """Yield exported chains without a head, days that vanished without a checkpoint, and rows of chains without a head.

    Covers every day, or `only` one. For every day, it also yields entries that were not sealed in time or removed before sealing.
    """
    with system_context(reason="verify audit"):
        if only is None:
            yield from _verify_unsealed()
        heads = SealHead.objects.all() if only is None else SealHead.objects.filter(day=only)
        known = {chain_of(head) for head in heads}
        for chain in sorted(set(exported_heads()) - known, key=str):
            if only in (None, chain.day):
                yield Finding("head_missing", chain.day.isoformat(), chain.name)
        present = {(p.parent, p.day) for p in list_partitions(using="default")}
        for table, stream in STREAM_OF.items():
            for day in heads.filter(stream=stream).order_by("day").values_list("day", flat=True).distinct():
                if (table, day) not in present:
                    yield from _verify_checkpoint(table, stream, day)
            yield from _rows_without_head(table, stream, known, only)


def _verify_seals(head: SealHead, states: dict[int, tuple[bytes, int]]) -> Iterator[Finding]:
    """Yield findings. Fills `states` with the digest and number of rows after each seal."""
    chain = chain_of(head)
    expected, previous, rows = 1, GENESIS, 0
    seals = Seal.objects.filter(
        company_id=head.company_id, mode=head.mode, stream=head.stream, day=head.day
    ).order_by("number")
    for seal in seals.iterator(chunk_size=20):
        if seal.number != expected:
            yield Finding("seal_missing", f"seal {expected}", chain.name)
            expected = seal.number
            previous = bytes(seal.previous)
        leaves = bytes(seal.leaves)
        is_whole = (
            bytes(seal.previous) == previous
            and bytes(seal.digest) == seal_digest(chain, seal.number, previous, leaves)
            and seal.rows * LEAF_BYTES == len(leaves)
        )
        if not is_whole:
            yield Finding("seal_altered", f"seal {seal.number}", chain.name)
        yield from _verify_leaves(head, chain, leaves)
        rows += len(leaves) // LEAF_BYTES
        previous = bytes(seal.digest)
        states[seal.number] = (previous, rows)
        expected += 1


def _verify_leaves(head: SealHead, chain: Chain, leaves: bytes) -> Iterator[Finding]:
    table, columns, content_of, prefix = SOURCES[Streams(head.stream)]
    sealed = [leaves[start : start + LEAF_BYTES] for start in range(0, len(leaves), LEAF_BYTES)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM {table} WHERE id = ANY(%s)",  # noqa: S608 - constants only
            [[uuid.UUID(bytes=one[:ID_BYTES]) for one in sealed]],
        )
        found = {}
        for values in cursor.fetchall():
            content = content_of(values)
            found[bytes.fromhex(content[0])] = (content, leaf(bytes.fromhex(content[0]), canonical(content)))
    for one in sealed:
        name = ids.encode(prefix, uuid.UUID(bytes=one[:ID_BYTES]))
        if one[:ID_BYTES] not in found:
            yield Finding("deleted", name, chain.name)
        elif found[one[:ID_BYTES]][1] != one:
            yield Finding("edited", name, chain.name)


def _verify_end(head: SealHead, states: dict[int, tuple[bytes, int]]) -> Iterator[Finding]:
    last = max(states)
    if last < head.seals:
        yield Finding("cut_off", f"after seal {last} of {head.seals}", chain_of(head).name)
    elif last > head.seals or states[last] != (bytes(head.digest), head.rows):
        yield Finding("seal_altered", f"the head does not fit seal {last}", chain_of(head).name)


def _verify_signature(
    head: SealHead, states: dict[int, tuple[bytes, int]], exported: dict[str, Any] | None, *, dropped: bool
) -> Iterator[Finding]:
    chain = chain_of(head)
    if head.signed_seals != head.seals and clock.now() - head.changed > UNSIGNED_AFTER:
        yield Finding("unsigned", f"since {head.changed:%Y-%m-%d %H:%M} UTC", chain.name)
    if head.signed_seals and head.signed_seals in states:
        digest, rows = states[head.signed_seals]
        signature = bytes(head.signature) if head.signature else None
        if not is_signed(head_statement(chain, head.signed_seals, rows, digest), signature):
            yield Finding("signature", f"of seal {head.signed_seals}", chain.name)
    if exported is None:
        return
    if not is_signed_export(exported):
        yield Finding("signature", "of the exported head", chain.name)
    elif exported["seals"] > max(states):
        yield Finding(
            "cut_off", f"{exported['seals']} seals were exported, {max(states)} are left", chain.name
        )
    elif not dropped and states.get(exported["seals"]) != (
        bytes.fromhex(exported["digest"]),
        exported["rows"],
    ):
        yield Finding("seal_altered", f"seal {exported['seals']} is not the exported one", chain.name)


def _verify_no_insertions(head: SealHead) -> Iterator[Finding]:
    """Yield rows of the chain's day without a leaf in any seal."""
    table, _, _, prefix = SOURCES[Streams(head.stream)]
    where, arguments = _of_chain(head)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {table} WHERE {where} ORDER BY id", arguments)  # noqa: S608 - constants only
        stored = [row_id for (row_id,) in cursor.fetchall()]
    # In this order, a row that is sealed concurrently is found in at least one of them.
    waiting = _waiting_ids(head)
    sealed = _sealed_ids(head)
    for row_id in stored:
        if row_id.bytes not in sealed and row_id not in waiting:
            yield Finding("inserted", ids.encode(prefix, row_id), chain_of(head).name)


def _sealed_ids(head: SealHead) -> set[bytes]:
    found: set[bytes] = set()
    seals = Seal.objects.filter(company_id=head.company_id, mode=head.mode, stream=head.stream, day=head.day)
    for leaves in seals.values_list("leaves", flat=True).iterator(chunk_size=20):
        raw = bytes(leaves)
        found.update(raw[start : start + ID_BYTES] for start in range(0, len(raw), LEAF_BYTES))
    return found


def _waiting_ids(head: SealHead) -> set[uuid.UUID]:
    lower, upper = day_bounds(head.day)
    return set(
        UnsealedEntry.objects.filter(stream=head.stream, id__gte=lower, id__lt=upper).values_list(
            "id", flat=True
        )
    )


def _verify_unsealed() -> Iterator[Finding]:
    for row_id, stream in UnsealedEntry.objects.exclude(missing_since=None).values_list("id", "stream"):
        yield Finding("deleted", ids.encode("aud", row_id), f"{stream}, before it was sealed")
    for stream in (Streams.ENTRIES, Streams.STAFF):
        oldest = (
            UnsealedEntry.objects.filter(stream=stream, missing_since=None)
            .order_by("sequence")
            .values_list("created", flat=True)
            .first()
        )
        if oldest is not None and clock.now() - oldest > UNSEALED_AFTER:
            yield Finding("unsealed", f"since {oldest:%Y-%m-%d %H:%M} UTC", stream)


def _of_chain(head: SealHead) -> tuple[str, list[Any]]:
    """Return the condition for the rows that belong to this chain."""
    lower, upper = day_bounds(head.day)
    where = "id >= %s AND id < %s"
    arguments: list[Any] = [lower, upper]
    if head.stream in (Streams.ENTRIES, Streams.REQUESTS):
        where, arguments = (
            f"company_id = %s AND mode = %s AND {where}",
            [head.company_id, head.mode, *arguments],
        )
    return where, arguments


def _verify_checkpoint(table: str, stream: str, day: date) -> Iterator[Finding]:
    checkpoint = PruneCheckpoint.objects.filter(table=table, day=day).first()
    if checkpoint is None:
        yield Finding("day_missing", f"{table} {day.isoformat()} is gone without a checkpoint", stream)
        return
    heads, rows, digest = heads_digest(stream, day)
    statement = checkpoint_statement(table, day, heads, rows, digest)
    if not is_signed(statement, bytes(checkpoint.signature)):
        yield Finding("signature", f"of the checkpoint of {table} {day.isoformat()}", stream)


def _rows_without_head(table: str, stream: str, known: set[Chain], only: date | None) -> Iterator[Finding]:
    """Yield chains with rows but without a head, which means that the head and its seals were removed."""
    owned = stream in (Streams.ENTRIES, Streams.REQUESTS)
    who = "company_id, mode" if owned else "NULL, NULL"
    day = "date_trunc('day', to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) AT TIME ZONE 'UTC')::date"
    within, bounds = ("", []) if only is None else (" AND t.id >= %s AND t.id < %s", [*day_bounds(only)])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {day}, {who}, count(*) FROM {table} t WHERE NOT EXISTS "  # noqa: S608 - constants only
            f"(SELECT FROM audit_unsealedentry u WHERE u.id = t.id){within} GROUP BY 1, 2, 3",
            bounds,
        )
        for found, company_id, mode, count in cursor.fetchall():
            chain = Chain(company_id or uuid.UUID(int=0), mode or "live", stream, found)
            if chain not in known:
                yield Finding("head_missing", f"{count} rows of {found.isoformat()} have no head", chain.name)
