"""Turns a name into addresses once, judges every one, and hands out only what was judged."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from core.outbound.errors import ConnectionFailedError
from core.outbound.policy import Policy

Lookup = Callable[[str], list[str]]
# A name server of the receiver's own choosing may never answer: each look-up may hold one of these threads for
# as long as the system's resolver waits, so there are as many as there are calls under way in one process.
_LOOKUP_THREADS = 64


def system_lookup(host: str) -> list[str]:
    """Return every address the system's resolver knows for `host`. Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class JudgingResolver(AbstractResolver):
    """The resolver of the HTTP library's connector: an address it does not return cannot be connected to."""

    def __init__(self, policy: Policy, lookup: Lookup = system_lookup) -> None:
        self._policy = policy
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(max_workers=_LOOKUP_THREADS, thread_name_prefix="lookup")
        self._under_way: dict[str, asyncio.Future[list[str]]] = {}

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
        """Look `host` up; calls that come while it is under way share its answer."""
        future = self._under_way.get(host)
        if future is None:
            future = asyncio.ensure_future(
                asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host)
            )
            self._under_way[host] = future
            future.add_done_callback(lambda done: self._forget(host, done))
        try:
            return await asyncio.shield(future)
        except (OSError, UnicodeError) as error:
            raise ConnectionFailedError(f"{host} could not be resolved: {error}") from error

    def _forget(self, host: str, future: asyncio.Future[list[str]]) -> None:
        self._under_way.pop(host, None)
        if not future.cancelled():
            future.exception()  # marks it as seen when every caller has given up waiting

    async def close(self) -> None:
        """Let go of the threads; one that still waits for a name server ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def judge(texts: list[str], port: int, policy: Policy) -> list[str]:
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
