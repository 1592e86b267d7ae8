"""The ways out. Which one a channel uses is a setting; test mode always uses `testmode`, which sends nothing.

Another provider is one more file here with a `PROVIDER` (a class), named in `MESSAGING_PROVIDERS` by its module.
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
# What a channel uses that no setting names a provider for: nothing leaves the machine.
FALLBACK = "file"


def provider_names() -> frozenset[str]:
    """Return the names a setting may use."""
    return frozenset(
        module.name for module in pkgutil.iter_modules(__path__) if module.name not in ("base", "mime")
    )


def provider_name(channel: Channel, mode: Mode) -> str:
    """Return the name of the provider that sends `channel` in `mode`."""
    return TEST_MODE if mode == "test" else settings.MESSAGING_PROVIDERS.get(channel.name, FALLBACK)


def uses_files() -> bool:
    """Tell whether any channel writes files in live mode, so that there is a mailbox to look into."""
    return any(provider_name(channel, "live") == FALLBACK for channel in channels().values())


def provider_class(name: str) -> type[Provider]:
    """Return the provider `name`; raises ImportError when there is none."""
    found: type[Provider] = importlib.import_module(f"{__name__}.{name}").PROVIDER
    return found


def reads_prices(name: str) -> bool:
    """Tell whether the provider `name` says what messages cost (messaging.providers.base.PricedProvider)."""
    return hasattr(provider_class(name), "read_price")


@lru_cache(maxsize=16)
def load_provider(name: str) -> Provider:
    """Return this process's instance of the provider `name`; raises ImportError when there is none."""
    return provider_class(name)()


forget_when_changed(load_provider.cache_clear, "MESSAGING_", "TWILIO_", "ANYMAIL")
