"""What happens to {{ words }} (public: webhooks carry it)."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class {{ model }}Created(Event):
    """{{ a }} {{ word }} was created."""

    type: ClassVar[str] = "{{ object }}.created"


@dataclass(frozen=True, kw_only=True)
class {{ model }}Updated(Event):
    """{{ a }} {{ word }} was changed."""

    type: ClassVar[str] = "{{ object }}.updated"


@dataclass(frozen=True, kw_only=True)
class {{ model }}Deleted(Event):
    """{{ a }} {{ word }} was deleted."""

    type: ClassVar[str] = "{{ object }}.deleted"
