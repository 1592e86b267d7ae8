"""Lays out generated code: calls and literals on one line if they fit, otherwise one item per line."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

from core.ui.samples.requests import name_in

WIDTH = 80


@dataclass(frozen=True, slots=True)
class Group:
    """Items between delimiters, with `padding` inside them when on one line: `call(…)`, `{ … }`, `[…]`.

    With `hugs`, the last item starts on the same line as the others, as is usual for JavaScript calls.
    """

    opening: str
    items: "tuple[Node, ...]"
    closing: str
    padding: str = ""
    hugs: bool = False


Node = Union[str, Group]  # noqa: UP007 - names itself


def lay_out(node: Node, step: str, indent: str = "", begun: int = 0) -> str:
    """Return the node as code. Lines after the first are indented by `indent`, plus `step` for each level.

    `begun` is the number of characters already on the first line.
    """
    flat = _flat(node)
    if isinstance(node, str) or not node.items or len(indent) + begun + len(flat) <= WIDTH:
        return flat
    if node.hugs and isinstance(node.items[-1], Group):
        others = node.opening + "".join(f"{_flat(item)}, " for item in node.items[:-1])
        return others + lay_out(node.items[-1], step, indent, len(others)) + node.closing
    inner = indent + step
    lines = [f"{inner}{lay_out(item, step, inner)},\n" for item in node.items]
    return f"{node.opening}\n{''.join(lines)}{indent}{node.closing}"


def _flat(node: Node) -> str:
    if isinstance(node, str):
        return node
    inside = ", ".join(map(_flat, node.items))
    padding = node.padding if node.items else ""
    return f"{node.opening}{padding}{inside}{padding}{node.closing}"


@dataclass(frozen=True, slots=True)
class Literals:
    """The literal syntax of a language. With `shorthand`, `{customer: customer}` is written `{customer}`.

    `words` are its keywords for true, false and null.
    """

    key: Callable[[str], str]
    padding: str = ""
    shorthand: bool = False
    words: tuple[str, str, str] = ("true", "false", "null")

    def node(self, value: Any, before: str = "") -> Node:
        """Return a JSON value as a literal. References to earlier responses become variables."""
        if isinstance(value, dict):
            items = tuple(self._pair(name, one) for name, one in value.items())
            return Group(before + "{", items, "}", self.padding)
        if isinstance(value, list):
            return Group(before + "[", tuple(map(self.node, value)), "]")
        if value is None or isinstance(value, bool):
            return before + self.words[(True, False, None).index(value)]
        return before + (name_in(value) or json.dumps(value, ensure_ascii=False))

    def _pair(self, name: str, value: Any) -> Node:
        if self.shorthand and name_in(value) == name:
            return name
        return self.node(value, f"{self.key(name)}: ")
