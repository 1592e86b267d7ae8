"""Parses VALKEY_URL and CELERY_BROKER_URL into the client libraries' options. Reads no settings.

One server: `redis://`, `rediss://` (TLS), `unix://`. A cluster: `redis+cluster://host:port[,host:port…]`. A primary with replicas that
Sentinels watch: `redis+sentinel://host:port[,host:port…]/NAME[/DATABASE]`, where NAME is what the Sentinels call it. `valkey` may stand
for `redis`, `rediss+…` means TLS. `?ssl_ca_certs=/path` names the certificates to trust instead of the system's. A server's certificate
is always verified, by its name too.
"""

import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, unquote

from core.values.urls import has_valid_port, split_url

DEFAULT_PORT = 6379
DEFAULT_SENTINEL_PORT = 26379
_ONE_SERVER = ("redis", "rediss", "unix")


class BadUrl(ValueError):
    """A URL that cannot be parsed; the message says what is wrong, without the password."""


def normalise_url(url: str) -> str:
    """Replace Valkey's own URL schemes by those that the client library knows."""
    scheme, separator, rest = url.partition("://")
    return scheme.replace("valkeys", "rediss").replace("valkey", "redis") + separator + rest


def is_sentinel(url: str) -> bool:
    """Return whether `url` names Sentinels."""
    return url.partition("://")[0].endswith("+sentinel")


def is_cluster(url: str) -> bool:
    """Return whether `url` names a Valkey Cluster."""
    if url.partition("://")[0].endswith("+cluster"):
        return True
    parts = split_url(url)
    # A comma may also be in a password or in the path of a socket.
    return parts is not None and "," in parts.netloc.rpartition("@")[2] and not is_sentinel(url)


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of a cluster, or the Sentinels of a primary."""

    addresses: tuple[tuple[str, int], ...]
    tls: bool
    username: str | None
    password: str | None
    ca_certs: str | None
    primary: str  # what the Sentinels call it; empty for a cluster
    database: int


def parse_nodes(url: str) -> Nodes:
    """Parse the URL of a cluster or of Sentinels. Raises BadUrl."""
    parts = _split(normalise_url(url), has_one_host=False)
    sentinel = is_sentinel(url)
    addresses = []
    for node in parts.netloc.rpartition("@")[2].split(","):
        host, colon, port = node.rpartition(":")
        if not colon or node.endswith("]"):
            host, port = node, str(DEFAULT_SENTINEL_PORT if sentinel else DEFAULT_PORT)
        # Neither is repeated, because a password with a slash that is not percent-encoded is read as a part of them.
        if not host or not _is_port(port):
            raise BadUrl("one of its servers is no host:port")
        addresses.append((host.strip("[]"), int(port)))
    primary, _, database = parts.path.strip("/").partition("/")
    if sentinel and not primary:
        raise BadUrl("say after the Sentinels' addresses what they call the primary: …/mymaster")
    if database and not _is_number(database):
        raise BadUrl("what follows the primary's name is no number of a database")
    # urlsplit finds the user info by the last @, but only reads the port of a single host.
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    return Nodes(
        addresses=tuple(addresses),
        tls=parts.scheme.startswith("rediss"),
        username=unquote(user) or None,
        password=unquote(password) or None,
        ca_certs=_trusted(parts.query),
        primary=primary if sentinel else "",
        database=int(database or 0),
    )


def check_url(url: str) -> None:
    """Raise BadUrl when VALKEY_URL cannot be parsed, which would otherwise surface at the first call."""
    if is_cluster(url) or is_sentinel(url):
        parse_nodes(url)
        return
    parts = _split(normalise_url(url), has_one_host=True)
    if parts.scheme not in _ONE_SERVER:
        raise BadUrl("it begins with redis://, rediss:// or unix://, or names a cluster or Sentinels")
    # The client library takes redis:///0 for the usual port of this machine.
    is_this_machine = not parts.netloc.rpartition("@")[2]
    if not (parts.path if parts.scheme == "unix" else parts.hostname or is_this_machine):
        raise BadUrl("it names no server")


def tls_options(ca_certs: str | None) -> dict[str, Any]:
    """Return redis-py's options for TLS with certificate and host name verification."""
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, "ssl_ca_certs": ca_certs}


def celery_options(url: str) -> tuple[str, dict[str, Any] | None, dict[str, Any]]:
    """Return a broker's URL in Celery's spelling, its TLS options (None without TLS), and its transport options.

    By default, Celery's transport would not verify certificates. Raises BadUrl for a cluster, which Celery does not support.
    """
    url = normalise_url(url)
    if is_cluster(url) and url.startswith("redis"):
        raise BadUrl(
            "a cluster cannot carry Celery's messages: use an amqp:// broker, Sentinels or a single Valkey"
        )
    if is_sentinel(url):
        nodes = parse_nodes(url)
        password = f":{quote(nodes.password, safe='')}@" if nodes.password else ""
        user = quote(nodes.username or "", safe="") if password else ""
        hosts = (f"[{host}]" if ":" in host else host for host, _ in nodes.addresses)
        spelled = ";".join(
            f"sentinel://{user}{password}{host}:{port}/{nodes.database}"
            for host, (_, port) in zip(hosts, nodes.addresses, strict=True)
        )
        tls = tls_options(nodes.ca_certs) if nodes.tls else None
        # The Sentinels use the primary's certificate authority and have no password of their own.
        asked = ({"ssl": True} | tls) if tls else {}
        return spelled, tls, {"master_name": nodes.primary, "sentinel_kwargs": asked}
    # Celery tries brokers that are separated by semicolons in turn, with the same TLS options.
    brokers = [_split(broker, has_one_host=True) for broker in url.split(";")]
    if not all(broker.scheme for broker in brokers):
        raise BadUrl("it does not begin with a scheme, such as redis:// or amqp://")
    scheme = brokers[0].scheme
    spelled = ";".join(map(_without_query, url.split(";")))
    ca_certs = next(filter(None, (_trusted(broker.query) for broker in brokers)), None)
    if scheme == "unix":
        return _socket(brokers[0]), None, {}
    if scheme == "rediss":
        return spelled, tls_options(ca_certs), {}
    if scheme == "amqps":
        return (
            spelled,
            {
                "cert_reqs": ssl.CERT_REQUIRED,
                "ca_certs": ca_certs,
                # None makes the library verify the name of the host it connects to; without this key, no name is verified.
                "server_hostname": None,
            },
            {},
        )
    return url, None, {}


def _split(url: str, *, has_one_host: bool) -> SplitResult:
    parts = split_url(url)
    if parts is None or (has_one_host and not has_valid_port(parts)):
        raise BadUrl("it is not a URL (are special characters in its password percent-encoded?)")
    return parts


def _socket(parts: SplitResult) -> str:
    """Return the URL of a socket as Celery spells it: the client library's `db` is its virtual host."""
    who, at, _ = parts.netloc.rpartition("@")
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{who}{at}{parts.path}?virtual_host={quote(database)}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_port(text: str) -> bool:
    return _is_number(text) and 0 < int(text) < 65_536


def _trusted(query: str) -> str | None:
    return parse_qs(query).get("ssl_ca_certs", [None])[0]


def _without_query(url: str) -> str:
    return url.partition("?")[0]
