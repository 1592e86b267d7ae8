"""What a version of the API is made of (docs/versions.md): its date, and what it changed, each change able to undo itself.

Handlers know the newest version only. A body that was sent in an older one is brought up to it, change by change, before a
handler sees it; an answer is taken down again, change by change, before it is rendered. `core.api.versions` lists them.
"""

from typing import Any, ClassVar

from core.api.deprecation import Deprecation

Json = dict[str, Any]


class Change:
    """One difference between a version and the one before it. Overrides either method, or both.

    `bodies` names the operations whose bodies were written otherwise before (`POST /v1/customers`), `objects` the objects that
    looked otherwise (`customer`), wherever they stand: alone, in a list, in another object or in an event.
    """

    summary: ClassVar[str] = ""
    bodies: ClassVar[frozenset[str]] = frozenset()
    objects: ClassVar[frozenset[str]] = frozenset()

    def upgrade_body(self, body: Json) -> Json:
        """Return a body of the version before as this version writes it. What it does not know it leaves for the serializer."""
        return body

    def downgrade_object(self, found: Json) -> Json:
        """Return an object of this version as the version before showed it."""
        return found


class ApiVersion:
    """A version of the API. `date` (`YYYY-MM-DD`) is its name; `changes` are what it changed."""

    date: ClassVar[str]
    summary: ClassVar[str]
    changes: ClassVar[tuple[Change, ...]] = ()
    deprecation: ClassVar[Deprecation | None] = None

    def upgrade_body(self, operation: str, body: Json) -> Json:
        """Return the `body` of an `operation`, written for the version before, as this version writes it."""
        for change in self.changes:
            if operation in change.bodies:
                body = change.upgrade_body(body)
        return body

    def downgrade(self, node: Any) -> Any:
        """Return an answer of this version as the version before gave it, with every object inside of it."""
        if isinstance(node, list | tuple):
            return [self.downgrade(inner) for inner in node]
        if not isinstance(node, dict):
            return node
        # What a caller has written into metadata is no object of ours, whatever it looks like.
        found = {name: inner if name == "metadata" else self.downgrade(inner) for name, inner in node.items()}
        for change in reversed(self.changes):
            kind = found.get("object")  # of an event's `data` the object itself
            if isinstance(kind, str) and kind in change.objects:
                found = change.downgrade_object(found)
        return found

    def __str__(self) -> str:
        return self.date
