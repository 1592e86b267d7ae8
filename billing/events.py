"""What happens to customers, invoices, charges and refunds. All of it is public: webhooks carry it."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class CustomerCreated(Event):
    """A customer was created."""

    type: ClassVar[str] = "customer.created"


@dataclass(frozen=True, kw_only=True)
class CustomerUpdated(Event):
    """A customer was changed."""

    type: ClassVar[str] = "customer.updated"


@dataclass(frozen=True, kw_only=True)
class CustomerDeleted(Event):
    """A customer was deleted."""

    type: ClassVar[str] = "customer.deleted"
