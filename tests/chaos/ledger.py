"""The ledger of a chaos run: which writes were accepted, and which are missing or duplicated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from tests.chaos.stage import Stage


@dataclass(frozen=True)
class Ledger:
    """IDs of customers: accepted (201), with an event (once per event), and delivered."""

    accepted: frozenset[str]
    events: tuple[str, ...]
    delivered: frozenset[str]

    @property
    def lost_writes(self) -> set[str]:
        """Accepted writes that are missing."""
        return set(self.accepted - set(self.events))

    @property
    def double_writes(self) -> set[str]:
        """Writes that exist more than once."""
        return {subject for subject, count in Counter(self.events).items() if count > 1}

    @property
    def lost_events(self) -> set[str]:
        """Events that were never received."""
        return set(self.events) - self.delivered

    def __str__(self) -> str:
        return (
            f"{len(self.accepted)} writes accepted, {len(self.events)} events, {len(self.delivered)} delivered; lost writes: "
            f"{len(self.lost_writes)}, written twice: {len(self.double_writes)}, lost events: {len(self.lost_events)}"
        )


def balance(stage: Stage, company: str, *, accepted: Collection[str], delivered: Collection[str]) -> Ledger:
    """Compare accepted writes and received deliveries with the events of `company`."""
    rows = stage.query(
        "SELECT object_id FROM core_outboxevent WHERE type = 'customer.created' AND company_id = %s", company
    )
    return Ledger(frozenset(accepted), tuple(str(row[0]) for row in rows), frozenset(delivered))
