"""Dispatches requests between granian and Django.

Granian's threads only dispatch: probes are answered immediately, bodies are read on the event loop, and a complete request gets a
slot, waits for one, or is asked to retry later. So only complete requests occupy a thread, whatever a peer does, and there is
always a thread left to dispatch.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import connections

from config.door import signals
from config.door.answers import Sent, collect, send
from config.door.bodies import BodyMemory, Incomplete, NoMemory, TooLarge, read_body
from config.door.environ import Unreadable, build_environ, remote_address
from config.door.probes import answer_probe, warm_up
from config.door.refusals import refuse
from config.door.slots import Full, Slots
from config.door.waiting import Waiter, WaitingRoom
from core.api.entry import is_api_path
from core.api.errors import BodyTooLarge, IncompleteBody, InvalidRequest
from core.api.waiting import KEY as WAIT
from core.errors import TemporarilyUnavailable
from core.http.addresses import client_address, client_group, trusted_proxies
from core.postgres.breaker import breaker

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# The total size of bodies being read.
MAX_BYTES_IN_FLIGHT = 268_435_456
# How often requests that have waited too long are swept.
SWEEP_SECONDS = 0.25
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

log = structlog.get_logger(__name__)


class Door:
    """Receives every request of one worker process."""

    def __init__(self, application: Application, loop: asyncio.AbstractEventLoop, *, threads: int) -> None:
        self._application, self._loop = application, loop
        breaker.switch_on(connections["default"].get_connection_params())
        self._slots = Slots(threads)
        self._is_sweeping = False
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._limit = max(settings.API_MAX_BODY_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        self._seconds = settings.BODY_TIMEOUT_SECONDS
        self._memory = BodyMemory(MAX_BYTES_IN_FLIGHT)
        self._reading: set[asyncio.Task[None]] = set()
        self._waiting = WaitingRoom(partial(self._let_in, here=False))
        warm_up()

    def __call__(self, watcher: Any) -> None:
        """Receive a request. Granian calls this on one of its threads. Never raises, because granian could not report it."""
        proto = watcher.proto
        try:
            self._sort(watcher.scope, proto)
        except Exception:
            log.exception("door.failed")
            proto.response_empty(500, [])

    def _sort(self, scope: Any, proto: Any) -> None:
        path = scope.path
        if answer_probe(path, scope, proto):
            return
        if self._slots.is_full(partial(_address_of, scope, path)):
            # Before reading any of it, so that refusing costs next to nothing.
            _turn_away(proto, path)
            return
        try:
            environ = build_environ(scope, path)
        except Unreadable as error:
            refuse(proto, path, InvalidRequest(str(error)))
            return
        announced = environ.get("CONTENT_LENGTH")
        if announced is not None:
            if announced == "0":
                self._let_in(proto, environ)
            else:
                self._measure(proto, environ, int(announced))
        elif "HTTP_TRANSFER_ENCODING" in environ or (
            environ["SERVER_PROTOCOL"] == "HTTP/2" and environ["REQUEST_METHOD"] not in _BODILESS
        ):
            self._read(proto, environ, None)
        else:
            self._let_in(proto, environ)

    def close(self) -> None:
        """Answer all waiting requests, because the process is about to end."""
        self._waiting.close()

    # --- the body -----------------------------------------------------------------------------------------------------

    def _measure(self, proto: Any, environ: dict[str, Any], length: int) -> None:
        path = environ["PATH_INFO"]
        if length <= self._limit:
            self._read(proto, environ, length)
        elif is_api_path(path):
            # Django checks the length and refuses it after authenticating the caller.
            environ["pomelo.unread"] = True
            self._let_in(proto, environ)
        else:
            refuse(proto, path, BodyTooLarge(f"The body is {length} bytes; {self._limit} are accepted."))

    def _read(self, proto: Any, environ: dict[str, Any], length: int | None) -> None:
        self._loop.call_soon_threadsafe(self._begin, proto, environ, length)

    def _begin(self, proto: Any, environ: dict[str, Any], length: int | None) -> None:
        task = self._loop.create_task(self._read_to_end(proto, environ, length))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read_to_end(self, proto: Any, environ: dict[str, Any], length: int | None) -> None:
        path = environ["PATH_INFO"]
        held = self._limit if length is None else length
        http2 = environ["SERVER_PROTOCOL"] == "HTTP/2"
        try:
            with self._memory.reserve(_group_of(environ), held):
                body = await read_body(
                    proto, length=length, limit=self._limit, seconds=self._seconds, http2=http2
                )
            if length is None and not body and "CONTENT_TYPE" in environ:
                # A reset by the client looks like the end of the body, but a content type implies a body.
                raise Incomplete("A Content-Type was sent, but no body arrived.")
        except NoMemory:
            refuse(proto, path, TemporarilyUnavailable("Too many bodies are being received."))
            return
        except Incomplete as error:
            refuse(proto, path, IncompleteBody(str(error)), close=not http2)
            return
        except TooLarge:
            refuse(proto, path, BodyTooLarge(f"At most {self._limit} bytes are accepted."), close=not http2)
            return
        except Exception:
            log.exception("door.body_failed")
            proto.response_empty(500, [])
            return
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"].write(body)
        environ["wsgi.input"].seek(0)
        self._let_in(proto, environ, here=False)

    # --- the work -----------------------------------------------------------------------------------------------------

    def _let_in(self, proto: Any, environ: dict[str, Any], *, here: bool = True) -> None:
        """Process a complete request on this thread or, unless `here`, on one of our own."""
        turn_away = partial(_turn_away, proto, environ["PATH_INFO"])
        try:
            turn = self._slots.enter(
                partial(self._serve, proto, environ, time.perf_counter()),
                turn_away,
                _group_of(environ),
            )
        except Full:
            turn_away()
            return
        if turn is None:
            self._sweep_soon()
            return
        if here:
            self._slots.work(turn)
        else:
            self._threads.submit(self._slots.work, turn)

    def _sweep_soon(self) -> None:
        """Schedule a sweep, so that requests do not wait behind hanging ones even if no other request arrives."""
        if not self._is_sweeping:
            self._is_sweeping = True
            self._loop.call_soon_threadsafe(self._loop.call_later, SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._is_sweeping = False
        if self._slots.sweep():
            self._sweep_soon()

    def _serve(self, proto: Any, environ: dict[str, Any], arrived: float) -> None:
        began = time.perf_counter()
        sent = Sent()
        # A pristine copy for repeating the request, because Django and its middleware modify the other.
        again = environ | {"pomelo.waited": True} if _may_wait(environ) else None
        try:
            body = self._application(environ, sent)
            if "pomelo.unread" in environ:
                sent.headers.append(("Connection", "close"))
            if again is not None and WAIT in environ:
                content = collect(body)
                if self._waiting.enter(Waiter(proto, sent, content, environ[WAIT], again)):
                    return
                body = [content]
            send(proto, sent, body)
        except BaseException:  # even SystemExit must not leave the client without a response
            log.exception("door.request_failed", path=environ["PATH_INFO"])
            sent.status = 500
            proto.response_empty(500, [])
        finally:
            signals.count(
                path=environ["PATH_INFO"],
                method=environ["REQUEST_METHOD"],
                status=sent.status,
                waited=began - arrived,
                worked=time.perf_counter() - began,
            )


def _address_of(scope: Any, path: str) -> str:
    """Return the client's address or /64, reading as little of the head as possible."""
    meta = {"REMOTE_ADDR": remote_address(scope)}
    if trusted_proxies():
        with contextlib.suppress(Unreadable):  # counted as the proxy's own
            meta = build_environ(scope, path)
    return _group_of(meta)


def _group_of(environ: dict[str, Any]) -> str:
    """Return what shares of slots and memory are counted by: the client's address or /64."""
    return client_group(client_address(environ))


def _turn_away(proto: Any, path: str) -> None:
    refuse(proto, path, TemporarilyUnavailable("More requests are waiting than can be served in time."))


def _may_wait(environ: dict[str, Any]) -> bool:
    return (
        "wait=" in environ["QUERY_STRING"]
        and "pomelo.waited" not in environ
        and environ.get("CONTENT_LENGTH", "0") == "0"  # a body has been consumed and cannot be replayed
    )
