"""The providers that send messages. A setting selects each channel's; test mode always uses `testmode`, which sends nothing.

Each module of this package with a class `PROVIDER` is a provider, selected in `MESSAGING_PROVIDERS` by its module name.
"""

import importlib
import pkgutil
from functools import lru_cache

from django.conf import settings

from core.principal import Mode
from core.setting_changes import forget_when_changed
from messaging.channels import channels
from messaging.channels.base import Channel
from messaging.providers.base import Provider

TEST_MODE = "testmode"
# The default provider of a channel, with which nothing leaves the machine.
FALLBACK = "file"


def provider_names() -> frozenset[str]:
    """Return the names of all providers."""
    return frozenset(
        module.name for module in pkgutil.iter_modules(__path__) if module.name not in ("base", "mime")
    )


def provider_name(channel: Channel, mode: Mode) -> str:
    """Return the name of the provider that sends `channel` in `mode`."""
    return TEST_MODE if mode == "test" else settings.MESSAGING_PROVIDERS.get(channel.name, FALLBACK)


def uses_files() -> bool:
    """Return whether any channel writes files in live mode, so that the local mailbox is available."""
    return any(provider_name(channel, "live") == FALLBACK for channel in channels().values())


def provider_class(name: str) -> type[Provider]:
    """Return the class of the provider `name`. Raises ImportError if there is none."""
    found: type[Provider] = importlib.import_module(f"{__name__}.{name}").PROVIDER
    return found


def reads_prices(name: str) -> bool:
    """Return whether the provider `name` reports prices (messaging.providers.base.PricedProvider)."""
    return hasattr(provider_class(name), "read_price")


@lru_cache(maxsize=16)
def load_provider(name: str) -> Provider:
    """Return this process's instance of the provider `name`. Raises ImportError if there is none."""
    return provider_class(name)()


# Each provider reads settings of its own.
forget_when_changed(load_provider.cache_clear)
