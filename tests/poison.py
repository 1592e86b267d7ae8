"""One bad row among good ones: how a test plants it, and how it looks afterwards."""

from collections.abc import Callable
from typing import Any

import pytest

from core.models import SetAside
from core.tenancy import system_context


class Poison(Exception):
    """What a library, or a mistake of ours, may raise for one row."""


def poison(monkeypatch: pytest.MonkeyPatch, target: Any, name: str, is_bad: Callable[..., bool]) -> None:
    """Let the function `name` of `target` raise for the one call that `is_bad` recognises."""
    original = getattr(target, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if is_bad(*args, **kwargs):
            raise Poison("this row cannot be worked on")
        return original(*args, **kwargs)

    monkeypatch.setattr(target, name, call)


def reason_of(batch: str, item: str) -> str | None:
    """Return why `item` was set aside; None when it was not."""
    with system_context(reason="tests"):
        return SetAside.objects.filter(batch=batch, item=item).values_list("reason", flat=True).first()


REASON = "Poison: this row cannot be worked on"
