"""Resolves a name once, checks every address, and returns only allowed ones, which prevents DNS rebinding."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import aiodns
from aiohttp.abc import AbstractResolver, ResolveResult

from core.outbound.errors import ConnectionFailedError
from core.outbound.policy import OutboundPolicy

_LOOKUP_THREADS = 64
# A company's name server may never respond. This limits the concurrent lookups per owner; only that owner's other calls
# wait for a slot.
LOOKUPS_PER_OWNER = 8
_QUERY_SECONDS, _QUERY_TRIES = 2.0, 2

# The owner of the current call, set by OutboundClient.
owner: ContextVar[str] = ContextVar("outbound_owner", default="")


def system_lookup(host: str) -> list[str]:
    """Resolve `host` with the system's resolver, for names set by the operator. Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class NameServers:
    """Resolves names with the system's name servers and hosts file, without a thread per lookup, for names set by others.

    Bound to the event loop it is created in. `options` are those of pycares.Channel, for tests.
    """

    def __init__(self, **options: Any) -> None:
        self._resolver = aiodns.DNSResolver(
            loop=asyncio.get_running_loop(), timeout=_QUERY_SECONDS, tries=_QUERY_TRIES, **options
        )

    async def __call__(self, host: str) -> list[str]:
        """Return every address of `host`. Raises OSError."""
        try:
            found = await self._resolver.getaddrinfo(host, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            raise OSError(str(error)) from error
        texts = (node.addr[0] for node in found.nodes)
        return list(dict.fromkeys(text.decode() if isinstance(text, bytes) else str(text) for text in texts))

    async def close(self) -> None:
        """Cancel all lookups."""
        await self._resolver.close()


# A plain function is blocking and is called in a thread.
Lookup = Callable[[str], list[str]] | NameServers


@dataclass(slots=True)
class _Question:
    """A pending lookup and the number of calls waiting for it."""

    task: asyncio.Task[list[str]]
    waiting: int = 0


@dataclass(slots=True)
class _Turns:
    """One owner's lookup slots, kept while it has a pending lookup."""

    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOOKUPS_PER_OWNER))
    users: int = 0


class FilteringResolver(AbstractResolver):
    """The resolver of aiohttp's connector, which connects only to addresses returned here."""

    def __init__(self, policy: OutboundPolicy, lookup: Lookup | None = None) -> None:
        self._policy = policy
        # Created with the first name, so that a client that only calls IP addresses needs no DNS channel.
        self._lookup: Lookup | None = lookup or (system_lookup if policy.trusted else None)
        self._threads = ThreadPoolExecutor(max_workers=_LOOKUP_THREADS, thread_name_prefix="lookup")
        # Keyed by owner too, so that no owner waits for another's slot, even for the same name.
        self._under_way: dict[tuple[str, str], _Question] = {}
        self._turns: dict[str, _Turns] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host` that may be called on `port`. Raises ConnectionFailedError if there are none."""
        texts = await self._look_up_once(host)
        permitted = permitted_addresses(texts, port, self._policy)
        if not permitted:
            raise ConnectionFailedError(f"{host}:{port} resolves to forbidden addresses: {texts}")
        return [
            ResolveResult(
                hostname=host,
                host=text,
                port=port,
                family=socket.AF_INET6 if ":" in text else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for text in permitted
        ]

    async def _look_up_once(self, host: str) -> list[str]:
        """Look up `host`; concurrent calls of the same owner share the result.

        The lookup is cancelled when the last of them stops waiting.
        """
        asked = (owner.get(), host)
        question = self._under_way.get(asked)
        if question is None:
            question = _Question(asyncio.ensure_future(self._look_up(*asked)))
            self._under_way[asked] = question
            question.task.add_done_callback(lambda task: self._forget(asked, task))
        question.waiting += 1
        try:
            return await asyncio.shield(question.task)
        except (OSError, UnicodeError) as error:
            raise ConnectionFailedError(f"{host} could not be resolved: {error}") from error
        finally:
            question.waiting -= 1
            if not question.waiting and not question.task.done():
                if self._under_way.get(asked) is question:
                    del self._under_way[asked]
                question.task.cancel()

    async def _look_up(self, of: str, host: str) -> list[str]:
        """Wait for one of the owner's slots, then resolve. Raises OSError, UnicodeError."""
        turns = self._turns.setdefault(of, _Turns())
        turns.users += 1
        try:
            async with turns.places:
                if self._lookup is None:
                    self._lookup = NameServers()
                if isinstance(self._lookup, NameServers):
                    return await self._lookup(host)
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host)
        finally:
            turns.users -= 1
            if not turns.users:
                self._turns.pop(of, None)

    def _forget(self, asked: tuple[str, str], task: asyncio.Task[list[str]]) -> None:
        question = self._under_way.get(asked)
        if question is not None and question.task is task:
            del self._under_way[asked]
        if not task.cancelled():
            task.exception()  # marks it as retrieved when no caller is waiting any more

    async def close(self) -> None:
        """Cancel all pending lookups; a thread waiting for a name server ends by itself."""
        for question in list(self._under_way.values()):
            question.task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if isinstance(self._lookup, NameServers):
            await self._lookup.close()


def permitted_addresses(texts: list[str], port: int, policy: OutboundPolicy) -> list[str]:
    """Return those of a name's addresses that may be called on `port`.

    A single forbidden address invalidates a public result, since no legitimate name has both. Where the operator allowed
    a network, addresses inside it are used and others (such as `::1` next to 127.0.0.1) are skipped.
    """
    addresses = []
    for text in texts:
        try:
            addresses.append(ipaddress.ip_address(text))
        except ValueError:
            return []
    if addresses and all(policy.permits(address, port) for address in addresses):
        return texts
    return [str(address) for address in addresses if policy.is_inside(address)]
