"""`manage.py generate_audit_docs`: write the list of recorded events in docs/audit.md from the event classes."""

import ast
import re
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.events import EVENT_TYPES
from core.resources import PomeloApp, app_of, own_apps

PATH = Path(settings.BASE_DIR) / "docs" / "audit.md"
BEGIN, END = "<!-- events: written by generate_audit_docs -->\n", "<!-- end of events -->"


def writers(apps: Sequence[PomeloApp]) -> dict[str, list[str]]:
    """Return the modules that publish each event type of `apps`, found by parsing the source."""
    for app in apps:
        if find_spec(f"{app.name}.staff") is not None:
            import_module(f"{app.name}.staff")  # events of the staff site itself
    owners = {
        kind: owner
        for kind, event in EVENT_TYPES.items()
        if (owner := app_of(event.__module__)) is not None and owner in apps
    }
    kinds = {EVENT_TYPES[kind].__name__: kind for kind in owners}
    found: dict[str, set[str]] = {kind: set() for kind in owners}
    elsewhere: dict[str, set[str]] = {kind: set() for kind in owners}
    names = re.compile("|".join(kinds))
    for one in apps:
        root = Path(one.path)
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            module = ".".join([one.name, *parts]).removesuffix(".__init__")
            text = path.read_text()
            if names.search(text) is None:
                continue  # skip parsing, which is the case for most files
            tree = ast.parse(text)
            imported = _imported(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in kinds:
                    kind = kinds[node.id]
                    # Classes may share a name, so an event counts only in its own app or where it was imported.
                    if owners[kind] is one:
                        found[kind].add(module)
                    elif (EVENT_TYPES[kind].__module__, node.id) in imported:
                        elsewhere[kind].add(module)
    # A higher-level app may publish an event of a lower-level one.
    return {kind: sorted(modules or elsewhere[kind]) for kind, modules in sorted(found.items())}


def _imported(tree: ast.Module) -> set[tuple[str, str]]:
    """Return the names a module imports, each with its source module."""
    return {
        (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def event_table() -> str:
    """Return the events as a Markdown table."""
    lines = ["| Event | Written by | When |", "|---|---|---|"]
    for kind, modules in writers(own_apps()).items():
        meaning = " ".join((EVENT_TYPES[kind].__doc__ or "").split())
        lines.append(f"| `{kind}` | {', '.join(f'`{module}`' for module in modules)} | {meaning} |")
    return "\n".join(lines) + "\n"


class Command(BaseCommand):
    """Writes, or with --check compares, the generated part of the page."""

    help = "Write the list of events in docs/audit.md; with --check, fail when it is not up to date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Know --check."""
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write or check; raises CommandError when the page is stale."""
        text = PATH.read_text()
        before, _, rest = text.partition(BEGIN)
        fresh = f"{before}{BEGIN}{event_table()}{END}{rest.partition(END)[2]}"
        if options["check"]:
            if fresh != text:
                raise CommandError("docs/audit.md is stale: run `manage.py generate_audit_docs`.")
            return
        PATH.write_text(fresh)
