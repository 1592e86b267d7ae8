"""Records which tables' rows are locked, and in which order (core.postgres.locks)."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

_CHANGE = re.compile(r'\s*(?:UPDATE|DELETE FROM)\s+"?(\w+)')
_LATER_CHANGE = re.compile(r'\bUPDATE\s+"?([a-z]\w+_\w+)')
_LOCK = re.compile(r'FOR (?:NO KEY )?UPDATE(?: OF "?(\w+))?')


@contextmanager
def locks_seen(names: Sequence[str]) -> Iterator[list[str]]:
    """Collect those tables of `names` whose rows this thread's statements lock, in the order of the first lock."""
    seen: list[str] = []

    def watch(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        for name in tables_locked(sql, names) if isinstance(sql, str) else ():
            if name not in seen:
                seen.append(name)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield seen


def tables_locked(sql: str, names: Sequence[str]) -> list[str]:
    """Return those tables of `names` whose rows a statement locks."""
    if found := _LOCK.search(sql):
        if found[1] in names:
            return [found[1]]
        return [name for name in re.findall(r"\w+", sql) if name in names]
    found = _CHANGE.match(sql) or _LATER_CHANGE.search(sql)
    return [found[1]] if found and found[1] in names else []
