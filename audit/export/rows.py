"""Rows as CSV and JSON Lines, newest first, in chunks."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from django.db.models import Model, QuerySet

from audit.windows import newest
from core.tenancy import Tenant, tenant_context
from core.values.texts import drop_invisible

CHUNK = 1_000
FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
# Spreadsheets run cells that start with these as formulas, in full width too; a leading apostrophe makes them text.
_OPERATORS = ("=", "+", "-", "@")
_BREAKS = ("\t", "\r", "\n")
_SEPARATORS = re.compile(r"([;\t\r\n])")

Represent = Callable[[Any], dict[str, Any]]


def export_rows(
    tenant: Tenant, select: Callable[[], QuerySet[Any]], represent: Represent, *, kind: str
) -> Iterator[bytes]:
    """Yield every row of `select()` in the format `kind` (csv or jsonl).

    No transaction stays open between chunks, however slowly the client reads.
    """
    yield from _written(_chunks(tenant, select, represent), kind)


def write_rows(rows: list[dict[str, Any]], *, kind: str) -> Iterator[bytes]:
    """Yield the given rows in the format `kind` (csv or jsonl)."""
    yield from _written(iter([rows]), kind)


def _written(chunks: Iterator[list[dict[str, Any]]], kind: str) -> Iterator[bytes]:
    write = _Csv() if kind == "csv" else _json_lines
    for chunk in chunks:
        yield write(chunk)


def _chunks(
    tenant: Tenant, select: Callable[[], QuerySet[Any]], represent: Represent
) -> Iterator[list[dict[str, Any]]]:
    last: Model | None = None
    while True:
        with tenant_context(tenant):
            rows = select()
            if last is not None:
                rows = rows.filter(pk__lt=last.pk)
            found = newest(rows, CHUNK)
            shown = [represent(row) for row in found]
        if shown:
            yield shown
        if len(found) < CHUNK:
            return
        last = found[-1]


def _json_lines(chunk: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in chunk)


class _Csv:
    """Writes chunks; the first has the header."""

    def __init__(self) -> None:
        self._names: list[str] | None = None

    def __call__(self, chunk: list[dict[str, Any]]) -> bytes:
        flat = [dict(_flatten(row)) for row in chunk]
        text = io.StringIO()
        writer = csv.writer(text)
        if self._names is None:
            self._names = list(flat[0])
            writer.writerow(self._names)
        writer.writerows([[cell_of(row.get(name)) for name in self._names] for row in flat])
        return text.getvalue().encode()


# Objects with their own columns; all other nested values are JSON in one cell.
_SPREAD = {"actor": ("type", "id", "name"), "target": ("type", "id"), "key": ("id", "name")}


def _flatten(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if name in _SPREAD:
            for part in _SPREAD[name]:
                yield f"{name}.{part}", (value or {}).get(part)
        else:
            yield name, value


def cell_of(value: Any) -> str:
    """Return a value as the text of a cell, with an apostrophe before anything a spreadsheet could run.

    The same applies after characters that separate cells or rows in other locales. In JSON the semicolon is escaped instead,
    which does not change the value.
    """
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        text = orjson.dumps(value).decode()
        _, *behind = text.split(";")
        return text.replace(";", r"\u003b") if any(map(_could_be_run, behind)) else text
    if not isinstance(value, str):
        return str(value)
    parts = _SEPARATORS.split(f"'{value}" if value.startswith(_BREAKS) else value)
    return "".join(f"'{part}" if _could_be_run(part) else part for part in parts)


def _could_be_run(text: str) -> bool:
    """Return whether a spreadsheet may interpret `text` as a formula, after dropping whitespace and invisible characters."""
    begin = drop_invisible(unicodedata.normalize("NFKC", text[:100])).lstrip()
    return begin.startswith(_OPERATORS)
