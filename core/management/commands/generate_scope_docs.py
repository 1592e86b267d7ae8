"""`manage.py generate_scope_docs`: write the list of scopes in docs/authentication.md from the apps' declarations."""

from core.management.generated_lists import ListsCommand
from core.resources import own_apps


def scope_table() -> str:
    """Return the scopes of Pomelo's own apps as a Markdown table, in the registry's order."""
    lines = ["| scope | allows |", "|---|---|"]
    for scope in (scope for app in own_apps() for scope in app.scopes):
        also = "".join(f"; `{alias}` is the same" for alias in scope.aliases)
        lines.append(f"| `{scope.name}` | {scope.description}{also} |")
    return "\n".join(lines) + "\n"


class Command(ListsCommand):
    help = "Write the list of scopes in docs/authentication.md; with --check, fail when it is not up to date."
    page = "authentication.md"
    lists = {"scopes": scope_table}
