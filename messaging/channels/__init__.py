"""The channels of messages. Each module of this package with a `CHANNEL` is one, discovered automatically."""

import importlib
import pkgutil
from contextlib import suppress
from functools import lru_cache

from messaging.channels.base import Channel, InvalidAddress


@lru_cache(maxsize=1)
def channels() -> dict[str, Channel]:
    """Return all channels by name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name != "base":
            channel: Channel = importlib.import_module(f"{__name__}.{module.name}").CHANNEL
            found[channel.name] = channel
    return found


def get_channel(name: str) -> Channel:
    """Return the channel `name`. Raises KeyError."""
    return channels()[name]


def label_of(name: str) -> str:
    """Return a channel's display name. A removed channel is shown by its name."""
    channel = channels().get(name)
    return channel.label if channel else name


def send_scopes() -> tuple[str, ...]:
    """Return the scopes that allow a key to send on some channel."""
    return ("messaging:send", *(channel.scope for channel in channels().values()))


def find_spellings(text: str) -> list[str]:
    """Return the normalized addresses that `text` may be stored as, one for each channel that accepts it."""
    found = []
    for channel in channels().values():
        with suppress(InvalidAddress):
            found.append(channel.parse(text).normalized)
    return found
