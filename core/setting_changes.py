"""Clears values derived from settings when a test overrides them. In production, settings never change."""

from collections.abc import Callable

from django.core.signals import setting_changed


def forget_when_changed(forget: Callable[[], object], *names: str) -> None:
    """Call `forget` whenever Django's `override_settings` changes one of `names`, or any setting if there are none.

    A name that ends with an underscore matches all settings with that prefix.
    """

    def on_change(*, setting: str, **_: object) -> None:
        if not names or any(
            setting == name or (name.endswith("_") and setting.startswith(name)) for name in names
        ):
            forget()

    setting_changed.connect(on_change, weak=False)
