"""The HTTP client for all outgoing calls.

aiohttp provides HTTP, TLS and connection pooling; this module enforces our rules: an address is checked when its name is
resolved and again when the socket is created, connections are pinned to checked addresses (TLS still verifies the name),
redirects are not followed, bodies are not decompressed, and time and size are limited.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import aiohttp
import certifi
from aiohttp.client_exceptions import ClientConnectorCertificateError, ClientConnectorSSLError
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from core.outbound import resolver
from core.outbound.calls import OutboundRequest, OutboundResponse
from core.outbound.errors import (
    ConnectionFailedError,
    InvalidAnswerError,
    OutboundError,
    TimedOutError,
    TlsFailedError,
)
from core.outbound.policy import OutboundPolicy, check_url
from core.outbound.resolver import FilteringResolver, Lookup
from core.outbound.sockets import open_socket

MAX_HEADER_LINE_BYTES = 8_190
MAX_HEADER_LINES = 100
_END_OF_HEAD = b"\r\n\r\n"
# Informational responses, such as early hints, precede the final head.
_MOST_HEADS = 8
KEEP_ALIVE_SECONDS = 15.0


@dataclass(slots=True)
class _Call:
    """The state of the current call, such as whether it opened a connection or reused one."""

    opened: bool = False
    head: aiohttp.ClientResponse | None = None
    body: bytearray = field(default_factory=bytearray)


# A connection is opened in its call's task, or in a task that inherits its context.
_call: ContextVar[_Call | None] = ContextVar("outbound_call", default=None)


class _HeadFirst(ResponseHandler):
    """Feeds the head of a response to the parser before its body.

    Otherwise the parser gets both in one chunk, and an invalid body, or one that must not exist (after a 204), makes it
    discard the status it has already read.
    """

    _end = b""

    def data_received(self, data: bytes) -> None:
        """Process received data."""
        for _ in range(_MOST_HEADS):
            found = (self._end + data).find(_END_OF_HEAD)
            cut = found + len(_END_OF_HEAD) - len(self._end)
            if found < 0 or cut >= len(data):
                break
            super().data_received(data[:cut])
            data, self._end = data[cut:], b""
        self._end = (self._end + data)[1 - len(_END_OF_HEAD) :]
        super().data_received(data)
        if self.exception() is not None and self._payload is not None:
            # The parser has stopped, so reading the body would block until the deadline.
            self._payload.set_exception(aiohttp.ClientPayloadError("the body is not what its head announced"))


class _Connector(aiohttp.TCPConnector):
    """A connector whose connections use `_HeadFirst`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._factory: Any = partial(_HeadFirst, loop=asyncio.get_running_loop())


class OutboundClient:
    """Makes calls under one policy. Bound to the event loop it is created in; close it with `aclose()`.

    Connections are pooled per client, so a connection allowed by one policy is never used under another.
    """

    def __init__(
        self,
        policy: OutboundPolicy,
        *,
        lookup: Lookup | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._urls: dict[str, URL] = {}
        self._resolver = FilteringResolver(policy, lookup)
        self._session = aiohttp.ClientSession(
            connector=_Connector(
                resolver=self._resolver,
                use_dns_cache=False,
                limit=0,
                ssl=tls or _shared_tls(),
                keepalive_timeout=KEEP_ALIVE_SECONDS,
                socket_factory=self._open_socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=MAX_HEADER_LINE_BYTES,
            max_field_size=MAX_HEADER_LINE_BYTES,
            max_headers=MAX_HEADER_LINES,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )

    async def send(self, request: OutboundRequest) -> OutboundResponse:
        """Make the call and return the response, whatever its status.

        Raises UrlRefusedError before anything is sent, OutboundError when no complete response was received (with
        `status_suffices`: no status).
        """
        url = self._urls.get(request.url) or self._read_url(request.url)
        started = time.perf_counter()
        call = _Call()
        _call.set(call)
        resolver.owner.set(request.owner)
        try:
            async with asyncio.timeout(request.total_timeout):
                try:
                    truncated = await self._exchange(url, request, call)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientResponseError):
                    # A kept-alive connection may have been closed, or contain data sent after the end of a 204.
                    if call.opened or call.head is not None or not request.repeatable:
                        raise
                    truncated = await self._exchange(url, request, call)
        except OutboundError:
            raise
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if call.head is None or not request.status_suffices:
                raise _translate(url, error) from error
            truncated = True
        assert call.head is not None
        return OutboundResponse(
            status=call.head.status,
            headers={name.lower(): value for name, value in call.head.headers.items()},
            body=bytes(call.body[: request.max_response_bytes]),
            truncated=truncated,
            duration_ms=round((time.perf_counter() - started) * 1000),
        )

    async def aclose(self) -> None:
        """Close all connections and cancel all lookups."""
        await self._session.close()
        await self._resolver.close()  # the connector does not close a resolver that was passed to it

    async def _exchange(self, url: URL, request: OutboundRequest, call: _Call) -> bool:
        """Make the call and store the response in `call`; return whether its body was truncated."""
        response = call.head = await self._session.request(
            request.method,
            url,
            data=request.body or None,
            headers=request.headers,
            allow_redirects=False,
            timeout=_connect_within(request.connect_timeout),
        )
        try:
            truncated = await _read_capped(response, call.body, request.max_response_bytes)
        except BaseException:
            response.close()
            raise
        if truncated:
            response.close()
        else:
            response.release()
        return truncated

    def _open_socket(self, info: tuple[Any, ...]) -> socket.socket:
        call = _call.get()
        if call is not None:
            call.opened = True
        return open_socket(info, self._policy)

    def _read_url(self, text: str) -> URL:
        target = check_url(text, self._policy)
        path, _, query = target.path.partition("?")
        url = URL.build(
            scheme=target.scheme,
            host=target.host,
            port=target.port,
            path=path,
            query_string=query,
            encoded=True,
        )
        if len(self._urls) >= 10_000:
            self._urls.clear()
        self._urls[text] = url
        return url


@lru_cache(maxsize=64)
def _connect_within(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=seconds)  # the whole call has its own deadline


async def _read_capped(response: aiohttp.ClientResponse, body: bytearray, limit: int) -> bool:
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            return True
    return False


def _translate(url: URL, error: Exception) -> OutboundError:
    """Return the public error for a call without a response."""
    internal = f"{url.host}: {error!r}"
    if isinstance(error, TimeoutError):
        return TimedOutError(internal)
    if isinstance(error, (ClientConnectorCertificateError, ClientConnectorSSLError, ssl.SSLError)):
        return TlsFailedError(internal)
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.ClientPayloadError)):
        return InvalidAnswerError(internal)
    return ConnectionFailedError(internal)


@lru_cache(maxsize=1)
def _shared_tls() -> ssl.SSLContext:
    return default_tls()  # cached, since loading the system's CA certificates takes milliseconds


def default_tls() -> ssl.SSLContext:
    """Return a new context: TLS 1.2 or newer with the system's CA certificates (`SSL_CERT_FILE` overrides them)."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"] and not os.environ.get("SSL_CERT_DIR"):
        context.load_verify_locations(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
