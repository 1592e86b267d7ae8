"""API versions (docs/versions.md): a date and a list of changes, each of which can be reversed.

Handlers know only the newest version. A request body in an older version is upgraded, change by change, before the handler
sees it; the response is downgraded, change by change, before it is rendered. `core.api.versions` lists the versions.
"""

from typing import Any, ClassVar

from core.api.deprecation import Deprecation
from core.values import api_dates

Json = dict[str, Any]


class Change:
    """One difference between a version and the previous one. Overrides either method, or both.

    `bodies` names the operations whose request bodies changed (`POST /v1/customers`), and `objects` the objects whose shape
    changed (`customer`), wherever they appear: alone, in a list, in another object or in an event.
    """

    summary: ClassVar[str] = ""
    bodies: ClassVar[frozenset[str]] = frozenset()
    objects: ClassVar[frozenset[str]] = frozenset()

    def upgrade_body(self, body: Json) -> Json:
        """Convert a body of the previous version to this version. Unknown parts are left for the serializer to reject."""
        return body

    def downgrade_object(self, found: Json) -> Json:
        """Convert an object of this version to the previous version."""
        return found


class ApiVersion:
    """A version of the API, named by its `date` (`YYYY-MM-DD`), with the `changes` it made."""

    date: ClassVar[str]
    summary: ClassVar[str]
    changes: ClassVar[tuple[Change, ...]] = ()
    deprecation: ClassVar[Deprecation | None] = None

    def upgrade_body(self, operation: str, body: Json) -> Json:
        """Convert the `body` of an `operation` from the previous version to this version."""
        for change in self.changes:
            if operation in change.bodies:
                body = change.upgrade_body(body)
        return body

    def downgrade(self, node: Any, *, before: str) -> Any:
        """Convert a response of this version, with all objects inside, to the version `before`."""
        if isinstance(node, list | tuple):
            return [self.downgrade(inner, before=before) for inner in node]
        if not isinstance(node, dict):
            return node
        if node.get("object") == "event":
            found = self._downgrade_event(node, before)
        else:
            # Metadata written by a caller is never one of our objects, whatever it looks like.
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
        """Convert an event's `data` to the version `before`.

        An event stores its object as of its time, so there is nothing to downgrade in one older than this version.
        """
        if event.get("api_version", api_dates.FIRST) < self.date:
            return event
        data = event["data"]
        if not data.get("thin"):  # a thin event contains only a reference to its object
            shown = self.downgrade(data["object"], before=before)
            if "previous" in data:
                was = self.downgrade({**data["object"], **data["previous"]}, before=before)
                changed = {name: value for name, value in was.items() if value != shown.get(name)}
                data = {**data, "previous": changed}
            data = {**data, "object": shown}
        return {**event, "api_version": before, "data": data}

    def __str__(self) -> str:
        return self.date
