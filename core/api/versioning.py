"""What a version of the API is made of (docs/versions.md): its date, and what it changed, each change able to undo itself.

Handlers know the newest version only. A body that was sent in an older one is brought up to it, change by change, before a
handler sees it; an answer is taken down again, change by change, before it is rendered. `core.api.versions` lists them.
"""

from typing import Any, ClassVar

from core.api.deprecation import Deprecation
from core.values import api_dates

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

    def downgrade(self, node: Any, *, before: str) -> Any:
        """Return an answer of this version as the version `before` gave it, with every object inside of it."""
        if isinstance(node, list | tuple):
            return [self.downgrade(inner, before=before) for inner in node]
        if not isinstance(node, dict):
            return node
        if node.get("object") == "event":
            found = self._downgrade_event(node, before)
        else:
            # What a caller has written into metadata is no object of ours, whatever it looks like.
            found = {
                name: inner if name == "metadata" else self.downgrade(inner, before=before)
                for name, inner in node.items()
            }
        for change in reversed(self.changes):
            kind = found.get("object")  # of an event's `data` the object itself
            if isinstance(kind, str) and kind in change.objects:
                found = change.downgrade_object(found)
        return found

    def _downgrade_event(self, event: Json, before: str) -> Json:
        """Return an event with its `data` as the version `before` showed it.

        An event keeps its object as it was then, so one that is older than this version holds nothing to undo.
        """
        if event.get("api_version", api_dates.FIRST) < self.date:
            return event
        data = event["data"]
        if not data.get("thin"):  # a thin one holds the name of its object alone
            shown = self.downgrade(data["object"], before=before)
            if "previous" in data:
                was = self.downgrade({**data["object"], **data["previous"]}, before=before)
                changed = {name: value for name, value in was.items() if value != shown.get(name)}
                data = {**data, "previous": changed}
            data = {**data, "object": shown}
        return {**event, "api_version": before, "data": data}

    def __str__(self) -> str:
        return self.date
