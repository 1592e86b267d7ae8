"""Turns a name into addresses once, judges every one, and hands out only what was judged."""

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
# A name server of a company's own choosing may never answer. So many names of one owner are asked for at a time; its other
# calls wait for their turn, and nobody else's do.
LOOKUPS_PER_OWNER = 8
_QUERY_SECONDS, _QUERY_TRIES = 2.0, 2

# On whose behalf the call at hand is made, set by OutboundClient.
owner: ContextVar[str] = ContextVar("outbound_owner", default="")


def system_lookup(host: str) -> list[str]:
    """Return every address the system's resolver knows for `host`: for names of the operator's. Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class NameServers:
    """Asks the system's name servers (and its hosts file) without a thread for each question: for names of others.

    Belongs to the event loop it is created in. `options` are those of pycares.Channel, for tests.
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
        """Give up every question."""
        await self._resolver.close()


# A function blocks, and is called in a thread.
Lookup = Callable[[str], list[str]] | NameServers


@dataclass(slots=True)
class _Question:
    """A look-up under way and how many calls wait for it."""

    task: asyncio.Task[list[str]]
    waiting: int = 0


@dataclass(slots=True)
class _Turns:
    """One owner's turns, kept while it has a look-up."""

    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOOKUPS_PER_OWNER))
    users: int = 0


class JudgingResolver(AbstractResolver):
    """The resolver of the HTTP library's connector: an address it does not return cannot be connected to."""

    def __init__(self, policy: OutboundPolicy, lookup: Lookup | None = None) -> None:
        self._policy = policy
        # The name servers are asked for the first name, so that a client that only calls addresses needs no channel.
        self._lookup: Lookup | None = lookup or (system_lookup if policy.trusted else None)
        self._threads = ThreadPoolExecutor(max_workers=_LOOKUP_THREADS, thread_name_prefix="lookup")
        # By owner too: nobody waits behind another's turn, were it for the same name.
        self._under_way: dict[tuple[str, str], _Question] = {}
        self._turns: dict[str, _Turns] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host` that may be called on `port`. Raises ConnectionFailedError for none."""
        texts = await self._look_up_once(host)
        permitted = judge(texts, port, self._policy)
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
        """Look `host` up; calls of the same owner that come while it is under way share its answer.

        When the last of them has given up waiting, so does the look-up.
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
        """Wait for a turn of this owner's, then ask. Raises OSError, UnicodeError."""
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
            task.exception()  # marks it as seen when every caller has given up waiting

    async def close(self) -> None:
        """Let go of everything that is under way; a thread that waits for a name server ends by itself."""
        for question in list(self._under_way.values()):
            question.task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if isinstance(self._lookup, NameServers):
            await self._lookup.close()


def judge(texts: list[str], port: int, policy: OutboundPolicy) -> list[str]:
    """Return which of a name's addresses may be called on `port`.

    One forbidden address spoils a public answer as a whole: no honest name has both. Where the operator allowed a
    network, the addresses inside it are used and the others (such as `::1` beside 127.0.0.1) left out.
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
