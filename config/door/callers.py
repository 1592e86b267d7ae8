"""Answers callers one after the other, none of whom keeps the others from their answers."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)
Caller = TypeVar("Caller")


def answer_each(callers: Iterable[Caller], answer: Callable[[Caller], None]) -> None:
    """Call `answer` for each of them. What it raises is logged: the client may be gone, and others are still waiting."""
    for caller in callers:
        try:
            answer(caller)
        except Exception:
            log.exception("door.answer_failed")
