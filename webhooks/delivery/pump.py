"""The engine's loop: one thread per worker process that sends many deliveries concurrently.

Celery tasks only wake it. It keeps no state that matters: if it is killed, another process picks up the unrelayed events and
the expired leases. Results that could not be recorded because PostgreSQL was down are recorded when it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

import structlog
from django.db import Error as DatabaseError
from django.db import connection

from core.background.loops import FAILURES, BackOff, Loop
from core.outbound import public_policy
from core.outbound.client import OutboundClient
from core.postgres.failures import is_outage
from webhooks.delivery.claim import ClaimedDelivery
from webhooks.delivery.cycle import Step, run_cycle
from webhooks.delivery.limits import Limits, limits_from_settings
from webhooks.delivery.outcome import AttemptOutcome
from webhooks.delivery.sending import attempt

POLL_SECONDS = 1.0
SOON_SECONDS = 0.02  # events are waiting for a transaction that is about to end
IDLE_SECONDS = 30.0
# Results are recorded in batches of this size, or after this time.
BATCH = 128
BATCH_SECONDS = 0.02
STOP_SECONDS = 16.0
log = structlog.get_logger(__name__)


class Pump:
    """One loop of record, relay, claim and send."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or limits_from_settings()
        self._done: list[AttemptOutcome] = []
        self._tasks: set[asyncio.Task[None]] = set()  # the event loop holds only weak references to tasks
        self._sending = 0
        self._failing = 0
        self._batching = False
        self._stopping = False
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._back_off = BackOff()

    def wake(self) -> None:
        """Look for work now. Thread-safe."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # the loop has closed in the meantime
                loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """Stop claiming; the loop ends once attempts in progress have been recorded. Thread-safe."""
        self._stopping = True
        self.wake()

    async def run(self, *, until_idle: bool = False) -> None:
        """Run until stopped, or until there is no work left (with `until_idle` at once, otherwise after half a minute)."""
        self._loop = asyncio.get_running_loop()
        client = OutboundClient(public_policy())
        database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="webhooks-db")
        last_work = time.monotonic()
        try:
            while True:
                self._woken.clear()
                step = await self._cycle(database)
                for job in step.jobs if step else ():
                    self._start(job, client)
                if self._sending or (step and (step.jobs or step.more)):
                    last_work = time.monotonic()
                if not self._sending and not self._done and step is not None:
                    quiet = not step.jobs and not step.more
                    if self._stopping or (
                        quiet and (until_idle or time.monotonic() - last_work > IDLE_SECONDS)
                    ):
                        return
                await self._pause(step)
        finally:
            await client.aclose()
            await self._loop.run_in_executor(database, _drop_connection)
            database.shutdown()

    async def _cycle(self, database: ThreadPoolExecutor) -> Step | None:
        done, self._done = self._done, []
        places = 0 if self._stopping else self._limits.slots - self._sending
        failing_places = self._limits.failing_slots - self._failing
        assert self._loop is not None
        try:
            step = await self._loop.run_in_executor(
                database, run_cycle, done, places, failing_places, self._limits
            )
        except Exception as error:  # attempts are in progress and must be recorded whatever happens
            if is_outage(error):
                log.warning("webhooks.database_unavailable", error=str(error))
            else:
                log.exception("webhooks.cycle_failed")
            FAILURES.labels("webhooks-pump").inc()
            self._done = done + self._done
            await self._loop.run_in_executor(database, _drop_connection)
            await asyncio.sleep(self._back_off.next())
            return None
        self._back_off.reset()
        return step

    def _start(self, job: ClaimedDelivery, client: OutboundClient) -> None:
        self._sending += 1
        self._failing += job.destination.failing
        task = asyncio.create_task(self._send(job, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, job: ClaimedDelivery, client: OutboundClient) -> None:
        try:
            outcome = await attempt(job, client, self._limits)
            self._done.append(outcome)  # not before the await: a cycle may have replaced the list
        except Exception:  # a bug of ours: the delivery is claimed again when its lease expires
            log.exception("webhooks.send_failed", delivery=str(job.delivery_id))
        finally:
            self._sending -= 1
            self._failing -= job.destination.failing
            self._note_result()

    def _note_result(self) -> None:
        if len(self._done) >= BATCH or not self._sending:
            self._woken.set()
        elif not self._batching:
            self._batching = True
            asyncio.get_running_loop().call_later(BATCH_SECONDS, self._end_batch)

    def _end_batch(self) -> None:
        self._batching = False
        self._woken.set()

    async def _pause(self, step: Step | None) -> None:
        seconds = SOON_SECONDS if step is not None and step.more else POLL_SECONDS
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)


def _drop_connection() -> None:
    with contextlib.suppress(DatabaseError):  # already broken; the next query opens a new one
        connection.close()


_pump: Pump | None = None


def _run() -> None:
    """Run a pump until it has been idle for half a minute."""
    global _pump
    _pump = Pump()
    asyncio.run(_pump.run())


def _stop_pump() -> None:
    if _pump is not None:
        _pump.stop()


def _forget_parent() -> None:
    global _pump
    _pump = None


# A forked child must not wake its parent's loop.
os.register_at_fork(after_in_child=_forget_parent)
LOOP = Loop("webhooks-pump", _run, stop_seconds=STOP_SECONDS, interrupt=_stop_pump, last_step=False)


def wake() -> None:
    """Start this process's pump if needed and make it look for work now. Does not block."""
    LOOP.wake()
    if _pump is not None:
        _pump.wake()


def stop() -> None:
    """Stop this process's pump, giving it at most sixteen seconds to finish attempts in progress."""
    LOOP.stop()


def drain(limits: Limits | None = None) -> None:
    """Relay and send in the calling thread until nothing is due (for commands and tests)."""
    asyncio.run(Pump(limits).run(until_idle=True))
