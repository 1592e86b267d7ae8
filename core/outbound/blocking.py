"""A blocking interface to the client: one event loop per process, in a background thread."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from typing import TYPE_CHECKING, Final

from core.outbound.calls import OutboundRequest, OutboundResponse
from core.outbound.errors import TimedOutError
from core.outbound.policy import OutboundPolicy
from core.postgres.outside import outside_transactions

if TYPE_CHECKING:
    from core.outbound.client import OutboundClient

# The client enforces the deadlines of a call and its one retry. This much later, the loop itself is assumed to be stuck.
SLACK_SECONDS = 5.0


class _Caller:
    """An event loop in a daemon thread with one client per policy."""

    def __init__(self) -> None:
        self.pid: Final = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._clients: dict[OutboundPolicy, OutboundClient] = {}
        threading.Thread(target=self._loop.run_forever, name="outbound", daemon=True).start()
        atexit.register(self._close)

    def call(self, request: OutboundRequest, policy: OutboundPolicy) -> OutboundResponse:
        sending = asyncio.run_coroutine_threadsafe(self._send(request, policy), self._loop)
        try:
            return sending.result(2 * request.total_timeout + SLACK_SECONDS)
        except TimeoutError:
            sending.cancel()
            raise TimedOutError("The event loop of outbound calls did not answer.") from None

    def _close(self) -> None:
        """Close pooled connections when the process ends; those inherited by a fork are left to its parent."""
        if self.pid == os.getpid():
            asyncio.run_coroutine_threadsafe(self._aclose(), self._loop).result(timeout=5)

    async def _aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()

    async def _send(self, request: OutboundRequest, policy: OutboundPolicy) -> OutboundResponse:
        client = self._clients.get(policy)
        if client is None:
            # Imported as late as possible, see core.outbound.
            from core.outbound.client import OutboundClient

            client = self._clients[policy] = OutboundClient(policy)
        return await client.send(request)


_caller: _Caller | None = None
_starting = threading.Lock()


def send(request: OutboundRequest, policy: OutboundPolicy) -> OutboundResponse:
    """Make one call and return its response, whatever its status. Safe after a fork and from any thread.

    Raises UrlRefusedError before anything is sent, OutboundError when no complete response was received. Do not hold a
    database transaction open across this call.
    """
    global _caller
    outside_transactions("http")
    with _starting:
        if _caller is None or _caller.pid != os.getpid():
            _caller = _Caller()
        caller = _caller
    return caller.call(request, policy)
