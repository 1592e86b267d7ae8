"""What a process has computed from settings is forgotten when a test overrides them; in production they never change."""

from collections.abc import Callable

from django.core.signals import setting_changed


def forget_when_changed(forget: Callable[[], object], *names: str) -> None:
    """Call `forget` whenever Django's `override_settings` changes one of `names`.

    A name that ends in an underscore stands for every setting that begins with it.
    """

    def on_change(*, setting: str, **_: object) -> None:
        if any(setting == name or (name.endswith("_") and setting.startswith(name)) for name in names):
            forget()

    setting_changed.connect(on_change, weak=False)
