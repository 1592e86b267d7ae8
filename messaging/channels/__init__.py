"""The channels a message can take. Another channel is one more file here: it is found by itself."""

import importlib
import pkgutil
from contextlib import suppress
from functools import lru_cache

from messaging.channels.base import Channel, InvalidAddress


@lru_cache(maxsize=1)
def channels() -> dict[str, Channel]:
    """Return every channel by name. A channel is a module of this package with a `CHANNEL`."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name != "base":
            channel: Channel = importlib.import_module(f"{__name__}.{module.name}").CHANNEL
            found[channel.name] = channel
    return found


def get_channel(name: str) -> Channel:
    """Return the channel `name`; raises KeyError."""
    return channels()[name]


def label_of(name: str) -> str:
    """Return what people call a channel, on every page; a channel that is no longer here keeps its name."""
    channel = channels().get(name)
    return channel.label if channel else name


def send_scopes() -> tuple[str, ...]:
    """Return the scopes of which any one lets a key send on some channel."""
    return ("messaging:send", *(channel.scope for channel in channels().values()))


def find_spellings(text: str) -> list[str]:
    """Return how `text` may be stored as an address: one normalised spelling for each channel that accepts it."""
    found = []
    for channel in channels().values():
        with suppress(InvalidAddress):
            found.append(channel.parse(text).normalized)
    return found
