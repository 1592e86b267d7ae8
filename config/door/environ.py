"""Builds the WSGI environ (PEP 3333) from a request parsed by granian, without the ambiguities of CGI names.

CGI maps `-` and `_` to the same character, and joins repeated headers. Here names with an underscore are dropped: no client needs
one, and `X_Forwarded_For` must never pass for the proxy's `X-Forwarded-For`. A repeated header that may only have one value
(RFC 9110 §5.3) is refused. Unlike in other servers, the process's environment is not included.
"""

import sys
from io import BytesIO
from typing import Any

MAX_HEADER_LINES = 100
MAX_HEADER_BYTES = 65_536

SINGLE = frozenset(
    {
        "authorization",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "origin",
        "referer",
        "user-agent",
        "x-client-id",
        "x-client-secret",
        "x-csrftoken",
        "x-forwarded-host",
        "x-forwarded-proto",
    }
)
# Granian drops non-ASCII headers. Without one of these, a request would have a different meaning.
NEVER_LEFT_OUT = SINGLE | {"forwarded", "x-forwarded-for"}
# These are answered by authentication, as any other credential that cannot be one.
_CREDENTIALS = frozenset({"authorization", "x-client-id", "x-client-secret"})
NOT_ASCII = "\xff"

_BASE = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
_PROTOCOLS = {"1": "HTTP/1.0", "1.1": "HTTP/1.1", "2": "HTTP/2"}
# Common header names. Others are converted each time, so that clients cannot fill a cache.
_KEYS = {
    name: f"HTTP_{name.upper().replace('-', '_')}"
    for name in [
        "accept",
        "accept-encoding",
        "accept-language",
        "authorization",
        "cache-control",
        "connection",
        "cookie",
        "host",
        "idempotency-key",
        "origin",
        "referer",
        "user-agent",
        "x-client-id",
        "x-client-secret",
        "x-forwarded-for",
        "x-forwarded-proto",
    ]
} | {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class Unreadable(Exception):
    """The head of a request is ambiguous. The message is for its sender."""


def remote_address(scope: Any) -> str:
    """Return the address of the socket's peer."""
    address: str = scope.client.rpartition(":")[0]
    return address.strip("[]")


def build_environ(scope: Any, path: str) -> dict[str, Any]:
    """Return the environ of a request, without its body. Raises Unreadable."""
    server, _, port = scope.server.rpartition(":")
    environ = _BASE | {
        "SERVER_PROTOCOL": _PROTOCOLS.get(scope.http_version, "HTTP/1.1"),
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "REMOTE_ADDR": remote_address(scope),
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": path if path.isascii() else path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(),
    }
    headers = scope.headers
    lines = headers.items()
    size = 0
    for name, value in lines:
        size += len(name) + len(value)
        key = _KEYS.get(name)
        if key is None:
            if "_" in name:
                continue
            key = f"HTTP_{name.upper().replace('-', '_')}"
        if key in environ:
            if name in SINGLE:
                raise Unreadable(f"The header {name} was sent more than once.")
            value = f"{environ[key]}{'; ' if name == 'cookie' else ', '}{value}"
        environ[key] = value
    if len(lines) > MAX_HEADER_LINES or size > MAX_HEADER_BYTES:
        raise Unreadable(
            f"The header has {len(lines)} lines of {size} bytes; "
            f"{MAX_HEADER_LINES} lines of {MAX_HEADER_BYTES} bytes are accepted."
        )
    if len(headers) != len(lines):
        environ |= _left_out(headers, {name for name, _ in lines})
    if "HTTP_HOST" not in environ and (authority := scope.authority):
        environ["HTTP_HOST"] = authority
    return environ


def _left_out(headers: Any, read: set[str]) -> dict[str, str]:
    """Return what stands for the credentials that were left out. Raises Unreadable for other headers that matter."""
    found = {}
    for name in headers.keys():  # noqa: SIM118 - granian's own type
        if name in read or name not in NEVER_LEFT_OUT:
            continue
        if name not in _CREDENTIALS:
            raise Unreadable(f"The header {name} is not ASCII.")
        found[_KEYS[name]] = NOT_ASCII
    return found
