"""Workers killed at random while sending 400 messages lose none, and duplicates are counted."""

import random
import sys
import time
from collections import Counter
from typing import Any

import pytest

from accounts.models import Company
from core.tenancy import system_context, tenant_context
from messaging.models import Message, MessageStat, RecipientEvent
from messaging.services import create_message
from messaging.services.sending import OUTSTANDING
from tests.factories import SYSTEM, make_world, prove_domain
from tests.forked import Forked
from tests.messaging.smtp import mail_server
from tests.messaging.worker import serve

MESSAGES = 400
WORKERS = 2
CONCURRENCY = 4
KILLS = 6
# Longer than a busy machine takes to record a batch, or leases of living workers would expire.
LEASE_SECONDS = 10
# The whole run, including the last lease and a slow machine.
LONGEST_SECONDS = 300


class Workers:
    """A few workers, one of which can be killed and replaced."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._processes = [self._start() for _ in range(WORKERS)]
        for process in self._processes:
            assert process.receive() == "ready"

    def kill_one(self) -> None:
        """SIGKILL one of them and start a replacement."""
        index = random.randrange(WORKERS)
        self._processes[index].kill()
        self._processes[index] = self._start()

    def stop(self) -> None:
        """End them all."""
        for process in self._processes:
            process.kill()

    def _start(self) -> Forked:
        return Forked(serve, self._url, LEASE_SECONDS, CONCURRENCY)


@pytest.mark.chaos
def test_workers_killed_at_random_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    world = make_world(tier=Company.Tiers.ENTERPRISE)
    tenant = world.tenant()
    prove_domain(tenant)
    ids = set()
    with mail_server() as (mailhost, url):
        for number in range(MESSAGES):
            with tenant_context(tenant):
                accepted = create_message(
                    actor=SYSTEM, channel="email", to=[f"r{number}@example.com"], subject="S", text="T"
                )
            ids.add(accepted.message.public_id)
        mailhost.delay_seconds = 0.08
        started = time.monotonic()
        workers = Workers(url)
        kills = 0
        try:
            while waiting(tenant) and time.monotonic() - started < LONGEST_SECONDS:
                time.sleep(random.uniform(0.1, 0.9))
                if kills < KILLS:
                    workers.kill_one()
                    kills += 1
        finally:
            workers.stop()
        seconds = time.monotonic() - started

    received = Counter(item.message_id.strip("<>").partition("@")[0] for item in mailhost.received)
    lost = ids - received.keys()
    duplicates = sum(received[public_id] - 1 for public_id in ids & received.keys())
    with capsys.disabled():
        sys.stdout.write(
            f"\nSIGKILL under {MESSAGES} messages: kills {kills}, lost {len(lost)}, sent twice {duplicates}, "
            f"{seconds:.1f} s\n"
        )

    assert lost == set()
    assert waiting(tenant) == 0
    assert kills >= 3
    # At most what a worker had sent and not yet recorded.
    assert duplicates <= kills * OUTSTANDING
    with tenant_context(tenant):
        assert set(Message.objects.values_list("status", flat=True)) == {"sent"}
        # However often it was sent: one status change, one row in the statistics.
        assert RecipientEvent.objects.filter(kind="sent").count() == MESSAGES
        assert sum(MessageStat.objects.filter(status="sent", tag="").values_list("recipients", flat=True)) == MESSAGES  # fmt: skip


def waiting(tenant: Any) -> int:
    """Return the number of unfinished messages."""
    with system_context(reason="tests"):
        return Message.objects.filter(company_id=tenant.company_id, due_at__isnull=False).count()
