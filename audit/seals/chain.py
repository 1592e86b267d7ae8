"""Appends seals to chains. The row of a chain's head is its lock, so only one writer at a time extends it."""

import uuid
from collections.abc import Mapping

from django.db.backends.utils import CursorWrapper

from audit.signing import GENESIS, LEAF_BYTES, Chain, seal_digest
from core.values import ids

NOBODY = uuid.UUID(int=0)

_ENSURE = """
INSERT INTO audit_sealhead (id, company_id, mode, stream, day, seals, rows, digest, changed, signed_seals)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::date[], %s::int[], %s::bigint[],
  %s::bytea[], %s::timestamptz[], %s::int[])
ON CONFLICT (company_id, mode, stream, day) DO NOTHING
"""
_LOCK = """
SELECT h.id, h.company_id, h.mode, h.stream, h.day, h.seals, h.digest FROM audit_sealhead h
JOIN unnest(%s::uuid[], %s::text[], %s::text[], %s::date[]) AS c (company_id, mode, stream, day)
  USING (company_id, mode, stream, day)
ORDER BY h.company_id, h.mode, h.stream, h.day FOR UPDATE OF h
"""
_SEAL = """
INSERT INTO audit_seal (id, company_id, mode, stream, day, number, rows, previous, leaves, digest)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::date[], %s::int[], %s::int[], %s::bytea[],
  %s::bytea[], %s::bytea[])
"""
_ADVANCE = """
UPDATE audit_sealhead h SET seals = n.number, rows = h.rows + n.rows, digest = n.digest, changed = now()
FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::bytea[]) AS n (id, number, rows, digest) WHERE h.id = n.id
"""


def append(cursor: CursorWrapper, batches: Mapping[Chain, bytes]) -> None:
    """Add one seal with the given leaves to each chain. Must run in the transaction that seals the rows.

    Heads are always locked in the same order, so that concurrent writers cannot deadlock.
    """
    if not batches:
        return
    chains = sorted(batches, key=lambda c: (c.company_id, c.mode, c.stream, c.day))
    heads = _lock_heads(cursor, chains)
    seals = []
    for chain in chains:
        head_id, number, previous = heads[chain]
        leaves = batches[chain]
        seals.append(
            (head_id, chain, number + 1, previous, leaves, seal_digest(chain, number + 1, previous, leaves))
        )
    counts = [len(leaves) // LEAF_BYTES for _, _, _, _, leaves, _ in seals]
    cursor.execute(
        _SEAL,
        [
            [ids.new_id() for _ in seals],
            [chain.company_id for _, chain, *_ in seals],
            [chain.mode for _, chain, *_ in seals],
            [chain.stream for _, chain, *_ in seals],
            [chain.day for _, chain, *_ in seals],
            [number for _, _, number, *_ in seals],
            counts,
            [previous for _, _, _, previous, _, _ in seals],
            [leaves for _, _, _, _, leaves, _ in seals],
            [digest for *_, digest in seals],
        ],
    )
    cursor.execute(
        _ADVANCE,
        [
            [head_id for head_id, *_ in seals],
            [number for _, _, number, *_ in seals],
            counts,
            [digest for *_, digest in seals],
        ],
    )


def _lock_heads(cursor: CursorWrapper, chains: list[Chain]) -> dict[Chain, tuple[uuid.UUID, int, bytes]]:
    """Lock the head of every chain, creating new ones. Return their id, number of seals and last digest."""
    names: list[list[object]] = [
        [chain.company_id for chain in chains],
        [chain.mode for chain in chains],
        [chain.stream for chain in chains],
        [chain.day for chain in chains],
    ]
    found = _select_heads(cursor, names)
    new = [chain for chain in chains if chain not in found]
    if new:
        cursor.execute("SELECT now()")
        now = cursor.fetchone()[0]
        cursor.execute(
            _ENSURE,
            [
                [ids.new_id() for _ in new],
                [chain.company_id for chain in new],
                [chain.mode for chain in new],
                [chain.stream for chain in new],
                [chain.day for chain in new],
                [0] * len(new),
                [0] * len(new),
                [GENESIS] * len(new),
                [now] * len(new),
                [0] * len(new),
            ],
        )
        found = _select_heads(cursor, names)
    return found


def _select_heads(
    cursor: CursorWrapper, names: list[list[object]]
) -> dict[Chain, tuple[uuid.UUID, int, bytes]]:
    cursor.execute(_LOCK, names)
    return {
        Chain(company_id, mode, stream, day): (head_id, seals, bytes(digest))
        for head_id, company_id, mode, stream, day, seals, digest in cursor.fetchall()
    }
