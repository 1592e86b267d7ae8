"""Django's cache in Valkey, with a fallback to this process's memory while Valkey is unreachable.

django-allauth counts sign-in, password reset and second-factor attempts here; an outage of Valkey must neither break them nor
lift their limits. The limits then apply per process, like those of the API (docs/architecture.md, Keys).
"""

from collections.abc import Callable, Collection
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django_redis.cache import RedisCache
from django_redis.client import DefaultClient
from redis.cluster import RedisCluster

from core.valkey import commands
from core.valkey.commands import ValkeyUnavailable

MAX_LOCAL_ENTRIES = 10_000


class SharedClient(DefaultClient):
    """Uses the process's shared client: its short timeouts, its pool, and cluster support."""

    def get_client(self, write: bool = True, tried: list[int] | None = None) -> Any:
        """Return the process's client."""
        return commands.client()

    def get_client_with_index(self, write: bool = True, tried: list[int] | None = None) -> tuple[Any, int]:
        """Return the process's client, which is the same for every server."""
        return commands.client(), 0

    def decode(self, value: Any) -> Any:
        """Decode a value. One written by another release in another format counts as missing (docs/architecture.md, Events)."""
        try:
            return super().decode(value)
        except Exception as error:
            raise ValkeyUnavailable(f"The cache holds what cannot be read: {type(error).__name__}") from error

    def get_many(
        self, keys: Collection[str], version: int | None = None, client: Any = None
    ) -> dict[str, Any]:
        """Return the values found under `keys`. On a cluster, MGET works within one slot only, so there is one call per slot."""
        shared = commands.client()
        if not (keys and isinstance(shared, RedisCluster)):
            found: dict[str, Any] = super().get_many(keys, version=version, client=client)
            return found
        names = {self.make_key(key, version=version): key for key in keys}
        answers = zip(names.values(), shared.mget_nonatomic(*names), strict=True)
        return {key: self.decode(value) for key, value in answers if value is not None}


def _either(name: str) -> Callable[..., Any]:
    """Return a method that uses Valkey, or this process's memory when Valkey is unreachable."""

    def ask(self: "ValkeyCache", *args: Any, **kwargs: Any) -> Any:
        try:
            return commands.guarded(lambda: getattr(super(ValkeyCache, self), name)(*args, **kwargs))
        except ValkeyUnavailable:
            return getattr(self.local, name)(*args, **kwargs)

    ask.__name__, ask.__doc__ = name, getattr(RedisCache, name).__doc__
    return ask


class ValkeyCache(RedisCache):
    """The `default` cache. Values written while Valkey is unreachable are visible to this process only, until it is back."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        # core.valkey.commands handles the addresses; a comma in them would mean replicas here.
        super().__init__("valkey", params)
        self.local = LocMemCache("valkey-is-away", {**params, "OPTIONS": {"MAX_ENTRIES": MAX_LOCAL_ENTRIES}})

    add = _either("add")
    get = _either("get")
    set = _either("set")
    touch = _either("touch")
    delete = _either("delete")
    has_key = _either("has_key")
    incr = _either("incr")
    decr = _either("decr")
    get_many = _either("get_many")
    set_many = _either("set_many")
    delete_many = _either("delete_many")
