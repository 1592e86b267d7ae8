"""Texts with variables: `Hello {{ customer.name }}`. User-supplied templates are parsed, and never executed.

The syntax is Jinja's, and Jinja parses it. Of the result, only plain text, variables and a few filters are accepted, and everything
else (blocks, calls, arithmetic, indexes) is refused; the parts are then joined here. Nothing is compiled or evaluated, and
variables are looked up only among the given values: there is no sandbox to escape from.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from urllib.parse import quote

from jinja2 import Environment, TemplateSyntaxError, nodes

Value = str | int | float | bool

# Comments are `{{! … }}`: Jinja's own begin like the rule of an ID in CSS, `{#header{…}`.
_SYNTAX = Environment(  # noqa: S701  nothing is rendered by it: `render` below escapes
    comment_start_string="{{!", comment_end_string="}}", keep_trailing_newline=True, cache_size=0
)
_BLOCK = "{%"
MAX_NAME = 100
MAX_DEPTH = 4
# Limits per text and per variable: a thousand repetitions are a mistake, and parsing takes time.
MAX_PLACES = 500
MAX_FILTERS = 5
# Templates of many messages are parsed once. Longer texts are not cached: the cache is bounded in bytes, not only in entries.
MAX_REMEMBERED_LENGTH = 65_536

FILTERS: Mapping[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "capitalize": str.capitalize,
    "trim": str.strip,
    "urlencode": lambda text: quote(text, safe=""),
}


class InvalidTemplate(ValueError):
    """The text is not a valid template; the message says on which line, and why."""


class TooLong(ValueError):
    """The rendered text is longer than allowed."""


@dataclass(frozen=True, slots=True)
class Place:
    """An occurrence of a variable: its name, and the filters applied to its value."""

    name: str
    filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed text: plain text and variables."""

    parts: tuple[str | Place, ...]

    @property
    def names(self) -> list[str]:
        """The variables of the text, each once, in order."""
        return list(dict.fromkeys(part.name for part in self.parts if isinstance(part, Place)))


def parse(text: str) -> Parsed:
    """Parse a text. Raises InvalidTemplate."""
    return (_remembered if len(text) <= MAX_REMEMBERED_LENGTH else _parse)(text)


def _parse(text: str) -> Parsed:
    if _BLOCK in text:
        line = text.count("\n", 0, text.index(_BLOCK)) + 1
        raise InvalidTemplate(f"Line {line}: only variables are supported, not blocks such as {{% if %}}.")
    try:
        tree = _SYNTAX.parse(text)
    except TemplateSyntaxError as error:
        found = (error.message or "").replace("end of print statement", "}}")
        raise InvalidTemplate(f"Line {error.lineno}: {found}.".replace("..", ".")[:300]) from error
    except (
        RecursionError,
        ValueError,
        OverflowError,
    ) as error:  # nested parentheses; numbers of 5,000 digits
        raise InvalidTemplate("This cannot be parsed.") from error
    parts = tuple(_parts(tree))
    if sum(isinstance(part, Place) for part in parts) > MAX_PLACES:
        raise InvalidTemplate(f"Variables can appear in at most {MAX_PLACES} places.")
    return Parsed(parts)


_remembered = lru_cache(maxsize=64)(_parse)


def _parts(tree: nodes.Template) -> Iterator[str | Place]:
    for output in tree.body:
        assert isinstance(output, nodes.Output)  # blocks are not supported
        for node in output.nodes:
            yield node.data if isinstance(node, nodes.TemplateData) else _place(node)


def _place(node: nodes.Node) -> Place:
    filters: list[str] = []
    while isinstance(node, nodes.Filter):
        if node.name not in FILTERS:
            raise InvalidTemplate(
                f"Line {node.lineno}: there is no filter {node.name[:MAX_NAME]}; the filters are {', '.join(FILTERS)}."
            )
        if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs or node.node is None:
            raise InvalidTemplate(f"Line {node.lineno}: the filter {node.name} takes no arguments.")
        filters.append(node.name)
        if len(filters) > MAX_FILTERS:
            raise InvalidTemplate(f"Line {node.lineno}: a value can have at most {MAX_FILTERS} filters.")
        node = node.node
    path: list[str] = []
    while isinstance(node, nodes.Getattr):
        path.append(node.attr)
        node = node.node
    if not isinstance(node, nodes.Name):
        raise InvalidTemplate(
            f"Line {node.lineno}: between {{{{ and }}}} stands the name of a variable, such as customer.name."
        )
    name = ".".join([node.name, *reversed(path)])
    if not is_name(name):
        raise InvalidTemplate(
            f"Line {node.lineno}: {name[:MAX_NAME]} cannot be the name of a variable. {NAME_FORM}"
        )
    return Place(name, tuple(reversed(filters)))


NAME_FORM = f"Names are up to {MAX_DEPTH} words of ASCII letters, digits and _, joined by dots, {MAX_NAME} characters in all."


def is_name(text: str) -> bool:
    """Return whether a variable can have this name."""
    words = text.split(".")
    return (
        len(text) <= MAX_NAME
        and len(words) <= MAX_DEPTH
        and all(word.isidentifier() and word.isascii() for word in words)
    )


def find_conflict(names: Iterable[str]) -> str | None:
    """Return a name that is also a prefix of another one: `customer` and `customer.name`, for which no value fits both."""
    found = set(names)
    for name in sorted(found):
        words = name.split(".")
        for length in range(1, len(words)):
            if ".".join(words[:length]) in found:
                return ".".join(words[:length])
    return None


def flatten(values: Mapping[str, object]) -> dict[str, object]:
    """Return nested values by their dotted names; an empty object has none, and values nested too deeply stay objects."""
    found: dict[str, object] = {}
    waiting: list[tuple[str, object]] = list(values.items())[::-1]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping) and name.count(".") < MAX_DEPTH:
            waiting += [(f"{name}.{inner}", each) for inner, each in list(value.items())[::-1]]
        else:
            found[name] = value
    return found


def render(text: str, values: Mapping[str, Value], *, as_html: bool, longest: int) -> str:
    """Insert the values into a text, up to `longest` bytes of UTF-8; in HTML they are escaped.

    Takes time proportional to the result only. Raises TooLong, InvalidTemplate, and KeyError for a variable without a value.
    """
    pieces: list[str] = []
    left = longest
    for part in parse(text).parts:
        piece = part if isinstance(part, str) else _show(values[part.name], part.filters, as_html=as_html)
        left -= len(piece.encode("utf-8", "surrogatepass"))
        if left < 0:
            raise TooLong
        pieces.append(piece)
    return "".join(pieces)


def _show(value: Value, filters: Iterable[str], *, as_html: bool) -> str:
    shown = ("true" if value else "false") if isinstance(value, bool) else str(value)
    for name in filters:
        shown = FILTERS[name](shown)
    return escape(shown) if as_html else shown
