"""Audit's background tasks. Each may be lost or run twice; the next run picks up the rest."""

from django.conf import settings

from audit.ingest.body_writer import BodyWriter
from audit.ingest.writer import Writer
from audit.partitions.tables import ensure_partitions
from audit.retention import prune, prune_expired_bodies
from audit.seals.compacting import compact_heads
from audit.seals.entries import seal_waiting
from audit.seals.heads import sign_heads
from core import clock
from core.background.jobs import system_task

# A run ends when the stream is empty; under constant load, this limit frees the worker for other tasks.
WRITE_SECONDS = 20.0


@system_task(name="audit.write_requests")
def write_requests() -> int:
    """Write the requests logged by web processes. Return how many were new."""
    return Writer().drain(seconds=WRITE_SECONDS)


@system_task(name="audit.write_bodies")
def write_bodies() -> int:
    """Write the bodies of requests that web processes kept. Return how many were new."""
    return BodyWriter().drain(seconds=WRITE_SECONDS)


@system_task(name="audit.seal")
def seal() -> int:
    """Seal the entries committed since the last run, and sign the heads. Return how many rows were sealed."""
    sealed = seal_waiting()
    sign_heads(every=settings.AUDIT_SIGN_SECONDS)
    return sealed


@system_task(name="audit.keep_partitions")
def keep_partitions() -> int:
    """Create the partitions of the coming days. Return how many were created."""
    return ensure_partitions()


@system_task(name="audit.prune_bodies")
def prune_bodies() -> int:
    """Delete bodies of requests that expired, that their company deleted, and beyond the newest. Return how many."""
    return prune_expired_bodies(now=clock.now())


@system_task(name="audit.prune")
def prune_expired() -> int:
    """Drop expired days and compact exported heads. Return how many tables were dropped."""
    gone = len(prune())
    compact_heads(today=clock.now().date())
    return gone
