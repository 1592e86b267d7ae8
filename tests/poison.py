"""Makes one row of a batch fail, and reads how it was set aside."""

from collections.abc import Callable
from typing import Any

import pytest

from core.models import SetAside
from core.tenancy import system_context


class Poison(Exception):
    """An unexpected exception for one row, as from a library or a bug."""


def poison(monkeypatch: pytest.MonkeyPatch, target: Any, name: str, is_bad: Callable[..., bool]) -> None:
    """Make the function `name` of `target` raise for calls that `is_bad` matches."""
    original = getattr(target, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if is_bad(*args, **kwargs):
            raise Poison("this row cannot be worked on")
        return original(*args, **kwargs)

    monkeypatch.setattr(target, name, call)


def reason_of(batch: str, item: str) -> str | None:
    """Return why `item` was set aside, or None if it was not."""
    with system_context(reason="tests"):
        return SetAside.objects.filter(batch=batch, item=item).values_list("reason", flat=True).first()


REASON = "Poison: this row cannot be worked on"
