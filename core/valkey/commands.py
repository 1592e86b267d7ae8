"""Access to Valkey: a pooled client, scripts, and a dedicated connection per thread for the request pipeline.

`VALKEY_URL` names one server, a cluster, or a primary monitored by Sentinels (core.valkey.urls). Timeouts are short: the pipeline
has a fallback for every failure (docs/architecture.md, Keys), so it is better to fail fast.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import hiredis
import redis
import structlog
from django.conf import settings
from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import ConnectionInterface
from redis.exceptions import NoScriptError, RedisClusterException, RedisError, ResponseError
from redis.retry import Retry
from redis.sentinel import Sentinel

from core.setting_changes import forget_when_changed
from core.valkey.urls import is_cluster, is_sentinel, normalise_url, parse_nodes, tls_options

CONNECT_TIMEOUT_SECONDS = 0.5
ANSWER_TIMEOUT_SECONDS = 1.0
# How long Valkey is not contacted after a failure, so that an outage does not cost every request a timeout.
PAUSE_SECONDS = 1.0

log = structlog.get_logger("pomelo.valkey")
FAILURES = Counter("pomelo_valkey_failures_total", "Calls to Valkey that failed")

Argument = str | bytes | int
Answer = TypeVar("Answer")


class ValkeyUnavailable(Exception):
    """Valkey is unreachable, too slow, or cannot run the script."""


class CommandRefused(ValkeyUnavailable):
    """Valkey answered this command with an error (`reply`); other commands may still work."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


# Everything the client library raises. Its cluster errors and its parser's errors are not RedisErrors.
CLIENT_ERRORS = (RedisError, RedisClusterException, hiredis.HiredisError, OSError)
# Error replies that are about the server rather than the command.
_SERVER_REPLIES = {
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOAUTH",
    "NOPERM",
    "OOM",
    "READONLY",
    "WRONGPASS",
}


def _connect() -> redis.Redis | RedisCluster:
    url = normalise_url(settings.VALKEY_URL)
    options: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "socket_timeout": ANSWER_TIMEOUT_SECONDS,
        "protocol": 2,
        # One retry for a connection that died while idle; never a second wait after a timeout.
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    }
    if not (is_cluster(url) or is_sentinel(url)):
        return redis.Redis.from_url(url, **options)
    nodes = parse_nodes(url)
    if nodes.tls:
        options |= {"ssl": True, **tls_options(nodes.ca_certs)}
    who: dict[str, Any] = {"username": nodes.username, "password": nodes.password}
    if is_cluster(url):
        return RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in nodes.addresses], **who, **options
        )
    # Queried for every new connection; a connection to a demoted primary answers READONLY and is dropped.
    sentinels = Sentinel(nodes.addresses, sentinel_kwargs=options)
    primary: redis.Redis = sentinels.master_for(nodes.primary, db=nodes.database, **who, **options)
    return primary


class _Thread(threading.local):
    """A dedicated connection per thread, for calls made on every request.

    A call through the pooled client takes 40 µs of CPU time, including its lock and bookkeeping; a call on a bare connection
    takes 10 µs (`make bench ARGS=valkey`: 3.5 x).
    """

    connection: ConnectionInterface | None = None


_lock = threading.Lock()
_client: redis.Redis | RedisCluster | None = None
_thread = _Thread()
_paused_until = 0.0


def client() -> redis.Redis | RedisCluster:
    """Return the process's pooled client. Only for this module and core.valkey.cache, which translate its many exceptions."""
    global _client
    if _client is None:
        with _lock:
            if _client is None:
                _client = _connect()
    return _client


def forget_connections() -> None:
    """Drop all connections of this process; the next use reconnects (after a fork, or when VALKEY_URL changed)."""
    global _client, _thread, _paused_until
    _client = None
    _thread = _Thread()
    _paused_until = 0.0


os.register_at_fork(after_in_child=forget_connections)


forget_when_changed(forget_connections, "VALKEY_URL")


def available() -> bool:
    """Return False during the pause after a failure."""
    return _paused_until == 0.0 or time.monotonic() >= _paused_until


def _is_about_the_server(error: ResponseError) -> bool:
    """Return whether the error code is about the server; the client library strips the code from errors it knows."""
    code = error.status_code or str(error).partition(" ")[0]
    return code in _SERVER_REPLIES or " -READONLY " in str(
        error
    )  # Redis 6.2 says it of a script inside a text


def _failed(error: Exception) -> ValkeyUnavailable:
    global _paused_until
    if isinstance(error, ResponseError):
        if not _is_about_the_server(error):
            log.info("valkey_refused", detail=str(error))
            return CommandRefused(str(error))
        # This may be a former primary that came back as a replica, so the address is looked up again.
        forget_connections()
    FAILURES.inc()
    if _paused_until == 0.0:
        log.warning("valkey_unavailable", error=type(error).__name__, detail=str(error))
    _paused_until = time.monotonic() + PAUSE_SECONDS
    return ValkeyUnavailable(f"{type(error).__name__}: {error}")


def _succeeded() -> None:
    global _paused_until
    if _paused_until != 0.0:
        _paused_until = 0.0
        log.warning("valkey_recovered")


def guarded(ask: Callable[[], Answer]) -> Answer:
    """Return the result of `ask`, raising ValkeyUnavailable for any failure.

    Raises immediately during the pause after a failure, and CommandRefused for an error about this command only.
    """
    if not available():
        raise ValkeyUnavailable("Valkey failed a moment ago.")
    try:
        answer = ask()
    except CLIENT_ERRORS as error:
        raise _failed(error) from error
    _succeeded()
    return answer


def call(*command: Argument) -> Any:
    """Run one command. Raises ValkeyUnavailable, CommandRefused among them (see `guarded`)."""
    return guarded(lambda: client().execute_command(*command))


def empty() -> None:
    """Delete everything, on all nodes of a cluster. For use after a restore, when Valkey may be newer than the database.

    Raises ValkeyUnavailable.
    """
    guarded(lambda: client().flushall(asynchronous=True))


class Script:
    """A Lua script, called by its hash and loaded when Valkey does not have it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def prepare(self, keys: Sequence[Argument], arguments: Sequence[Argument]) -> "PreparedCall":
        """Return a call that is packed once and can be run repeatedly."""
        return PreparedCall(self, keys, arguments)

    def run(self, keys: Sequence[Argument], arguments: Sequence[Argument]) -> Any:
        """Run the script. All keys must share a hash tag. Raises ValkeyUnavailable."""
        return PreparedCall(self, keys, arguments).run()


class PreparedCall:
    """One script call with fixed keys and arguments, ready to be written to the socket."""

    __slots__ = ("_command", "_packed", "script")

    def __init__(self, script: Script, keys: Sequence[Argument], arguments: Sequence[Argument]) -> None:
        self.script = script
        self._command = ("EVALSHA", script.sha, len(keys), *keys, *arguments)
        self._packed: list[bytes] | None = None

    def run(self) -> Any:
        """Run the call in one round trip on this thread's connection. Raises ValkeyUnavailable."""
        if _paused_until != 0.0 and not available():
            raise ValkeyUnavailable("Valkey failed a moment ago.")
        try:
            answer = self._send()
        except NoScriptError:
            answer = self._load_and_send()
        except redis.ConnectionError:
            # A connection that died while idle (a restart, a failover) says nothing about the server now: retry once.
            answer = self._load_and_send()
        except CLIENT_ERRORS as error:
            raise _failed(error) from error
        if _paused_until != 0.0:
            _succeeded()
        return answer

    def _send(self) -> Any:
        connection = _thread.connection
        if connection is None:
            shared = client()
            if isinstance(shared, RedisCluster):
                return shared.execute_command(*self._command)
            connection = _thread.connection = shared.connection_pool.make_connection()
        if self._packed is None:
            self._packed = connection.pack_command(*self._command)
        if not connection.is_connected:
            connection.connect()  # Sending would also connect, but without asking the Sentinels for the address.
        # If either fails, the connection is closed, so that a later call cannot read this reply.
        connection.send_packed_command(self._packed, check_health=False)
        return connection.read_response(disconnect_on_error=True)

    def _load_and_send(self) -> Any:
        """Run the call with the source of the script, which loads it. Raises ValkeyUnavailable."""
        _, _, count, *rest = self._command
        try:
            return client().execute_command("EVAL", self.script.source, count, *rest)
        except CLIENT_ERRORS as error:
            raise _failed(error) from error
