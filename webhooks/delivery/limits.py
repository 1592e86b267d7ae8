"""Concurrency limits and timeouts of one worker process."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are seconds.

    A failing endpoint gets few concurrent attempts, and all failing endpoints together at most half of the slots, so that
    dead endpoints do not delay first attempts to others. The lease is longer than the longest call.
    """

    slots: int = 256
    per_endpoint: int = 32
    per_failing_endpoint: int = 4
    connect_timeout: float = 5.0
    total_timeout: float = 15.0
    lease: float = 30.0

    @property
    def failing_slots(self) -> int:
        """How many slots deliveries to failing endpoints may occupy at a time."""
        return self.slots // 2


def limits_from_settings() -> Limits:
    """Return the limits with the operator's settings applied."""
    return Limits(
        slots=settings.WEBHOOK_CONCURRENCY,
        total_timeout=settings.WEBHOOK_TIMEOUT_SECONDS,
        connect_timeout=min(5.0, settings.WEBHOOK_TIMEOUT_SECONDS),
        lease=settings.WEBHOOK_LEASE_SECONDS,
    )
