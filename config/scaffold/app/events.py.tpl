"""Events of {{ words }}, which are delivered to webhooks."""

from typing import ClassVar

from core.events import Event


class {{ model }}Created(Event):
    """{{ a }} {{ word }} was created."""

    type: ClassVar[str] = "{{ object }}.created"
    sentence: ClassVar[str] = "created {{ word }} {target}"


class {{ model }}Updated(Event):
    """{{ a }} {{ word }} was updated."""

    type: ClassVar[str] = "{{ object }}.updated"
    sentence: ClassVar[str] = "updated {{ word }} {target}"


class {{ model }}Deleted(Event):
    """{{ a }} {{ word }} was deleted."""

    type: ClassVar[str] = "{{ object }}.deleted"
    sentence: ClassVar[str] = "deleted {{ word }} {target}"
