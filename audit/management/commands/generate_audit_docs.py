"""`manage.py generate_audit_docs`: write the lists in docs/audit.md: recorded events, and names of fields that hold secrets."""

import ast
import re
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from core.events import EVENT_TYPES
from core.management.generated_lists import ListsCommand
from core.resources import PomeloApp, app_of, own_apps
from core.values.secret_fields import ENDINGS, EXACT_NAMES


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


def secret_names() -> str:
    """Return the names of fields whose values are neither kept nor logged, as two sentences."""
    exact, endings = (", ".join(f"`{name}`" for name in names) for names in (EXACT_NAMES, ENDINGS))
    return f"These names: {exact}.\n\nNames that end with one of: {endings}.\n"


class Command(ListsCommand):
    help = "Write the lists in docs/audit.md; with --check, fail when they are not up to date."
    page = "audit.md"
    lists = {"secret names": secret_names, "events": event_table}
