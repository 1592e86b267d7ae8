"""Domain events, published in the transaction that causes them (docs/architecture.md, Events).

`publish()` writes the outbox row, from which webhooks are relayed, and passes the event to all sinks in `settings.EVENT_SINKS`
(the audit trail), so that neither can be forgotten by a caller or lost in a crash.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from core import tracing
from core.background import jobs
from core.models import OutboxEvent
from core.postgres.rows import insert_rows
from core.principal import Principal
from core.tenancy import require_tenant
from core.values import api_dates

EVENT_TYPES: dict[str, type["Event"]] = {}

RELAY_TASK = "webhooks.relay_events"


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. Subclasses set `type` and add no fields, so that they need not be dataclasses of their own.

    `object_id` is the TypeID of the event's object, `object` its public representation (empty for events that are not public).
    `changes` maps fields to their values before and after; a public event includes those before as `previous`. `detail` holds
    additional facts for the audit trail. `sentence` describes the action, after the actor's name: `{target}` stands for the
    object, other names for facts of `detail` or new values of `changes` ("invited {email} as {role}"). Events about the company as
    a whole are `company_wide` and appear in the audit trails of both modes.
    """

    type: ClassVar[str] = ""
    sentence: ClassVar[str] = ""
    public: ClassVar[bool] = True
    company_wide: ClassVar[bool] = False

    object_id: str
    object: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    detail: dict[str, Any] = field(default_factory=dict)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the event under its type, which must be unique."""
        super().__init_subclass__(**kwargs)
        if not cls.type:
            return
        if cls.type in EVENT_TYPES and EVENT_TYPES[cls.type].__qualname__ != cls.__qualname__:
            raise TypeError(f"event type {cls.type} is already taken")
        EVENT_TYPES[cls.type] = cls


class EventSink(Protocol):
    """A sink of `settings.EVENT_SINKS`. Called in the transaction of the events, once for all of them."""

    def __call__(self, events: Sequence[Event], *, actor: Principal) -> None: ...


@lru_cache(maxsize=1)
def _load_sinks(paths: tuple[str, ...]) -> tuple[Callable[..., None], ...]:
    return tuple(import_string(path) for path in paths)


def publish(event: Event, *, actor: Principal) -> None:
    """Record `event` in the current tenant's transaction and wake the relay after the commit.

    Raises core.tenancy.TenantRequired outside a tenant.
    """
    publish_all([event], actor=actor)


def publish_all(events: Sequence[Event], *, actor: Principal) -> None:
    """Record several events of one transaction in order, with one statement for all of them.

    The statements are sent with the transaction's next one, at the latest with its commit.

    Raises core.tenancy.TenantRequired outside a tenant.
    """
    require_tenant()
    rows = [
        {
            "type": event.type,
            "object_id": event.object_id,
            "data": data_of(event),
            "api_version": api_dates.NEWEST,
            "public": True,
        }
        for event in events
        if event.public
    ]
    if rows and (traceparent := tracing.current_traceparent()):
        rows = [{**row, "traceparent": traceparent} for row in rows]
    if rows:
        insert_rows(OutboxEvent, rows)
        jobs.wake(RELAY_TASK)
    if events:
        _notify_sinks(events, actor)


def data_of(event: Event) -> dict[str, Any]:
    """Return the outbox data of a public event: its object, and the previous values of changed fields."""
    previous = {name: before for name, (before, _) in event.changes.items() if name in event.object}
    return {"object": event.object, **({"previous": previous} if previous else {})}


def publish_unowned(event: Event, *, actor: Principal) -> None:
    """Record an event without a company (an unknown secret, a failed sign-in), which only staff can see.

    Must be called inside `system_context`.
    """
    _notify_sinks([event], actor)


def _notify_sinks(events: Sequence[Event], actor: Principal) -> None:
    for sink in _load_sinks(tuple(settings.EVENT_SINKS)):
        sink(events, actor=actor)
