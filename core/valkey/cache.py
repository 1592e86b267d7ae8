"""Django's cache in Valkey, which goes on in the memory of this process while Valkey is away.

Sign-in, password resets and second factors count their attempts here (django-allauth): they must neither fail nor lose their
limits because Valkey did. The limits then hold per process, as those of the API do (docs/architecture.md, Keys).
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
    """Uses the process's one client: its short time-outs, its pool, and a cluster where VALKEY_URL is one."""

    def get_client(self, write: bool = True, tried: list[int] | None = None) -> Any:
        """Return the process's client."""
        return commands.client()

    def get_client_with_index(self, write: bool = True, tried: list[int] | None = None) -> tuple[Any, int]:
        """Return the process's client, which stands for every server."""
        return commands.client(), 0

    def decode(self, value: Any) -> Any:
        """Return what a value says. One that another release wrote in another form is as good as none (docs/architecture.md, Events)."""
        try:
            return super().decode(value)
        except Exception as error:
            raise ValkeyUnavailable(f"The cache holds what cannot be read: {type(error).__name__}") from error

    def get_many(
        self, keys: Collection[str], version: int | None = None, client: Any = None
    ) -> dict[str, Any]:
        """Return what is there under `keys`. A cluster answers one MGET for keys of one slot only, so it is asked slot by slot."""
        shared = commands.client()
        if not (keys and isinstance(shared, RedisCluster)):
            found: dict[str, Any] = super().get_many(keys, version=version, client=client)
            return found
        names = {self.make_key(key, version=version): key for key in keys}
        answers = zip(names.values(), shared.mget_nonatomic(*names), strict=True)
        return {key: self.decode(value) for key, value in answers if value is not None}


def _either(name: str) -> Callable[..., Any]:
    """Return a method that asks Valkey, and this process's memory when Valkey cannot answer."""

    def ask(self: "ValkeyCache", *args: Any, **kwargs: Any) -> Any:
        try:
            return commands.guarded(lambda: getattr(super(ValkeyCache, self), name)(*args, **kwargs))
        except ValkeyUnavailable:
            return getattr(self.local, name)(*args, **kwargs)

    ask.__name__, ask.__doc__ = name, getattr(RedisCache, name).__doc__
    return ask


class ValkeyCache(RedisCache):
    """The `default` cache. What is written while Valkey is away is seen by this process only, until Valkey is back."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        # The addresses are core.valkey.commands's business; a comma in them would mean replicas here.
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
