"""Audit's background work. Each task may be lost or run twice: the next one finds what is left."""

from django.conf import settings

from audit.ingest.writer import Writer
from audit.partitions.tables import ensure_partitions
from audit.retention import prune
from audit.seals.compacting import compact_heads
from audit.seals.entries import seal_waiting
from audit.seals.heads import sign_heads
from core import clock
from core.background.jobs import system_task

# A run ends when the stream is empty; the limit leaves the worker to other tasks while it never is.
WRITE_SECONDS = 20.0


@system_task(name="audit.write_requests")
def write_requests() -> int:
    """Write what web processes have logged; return how many requests were new."""
    return Writer().drain(seconds=WRITE_SECONDS)


@system_task(name="audit.seal")
def seal() -> int:
    """Seal the entries that were committed since the last time, and sign the heads; return how many rows were sealed."""
    sealed = seal_waiting()
    sign_heads(every=settings.AUDIT_SIGN_SECONDS)
    return sealed


@system_task(name="audit.keep_partitions")
def keep_partitions() -> int:
    """Make the partitions of the coming days; return how many were missing."""
    return ensure_partitions()


@system_task(name="audit.prune")
def prune_expired() -> int:
    """Drop the days that are older than the retention, and exported heads that later ones have replaced; return how many tables went."""
    gone = len(prune())
    compact_heads(today=clock.now().date())
    return gone
