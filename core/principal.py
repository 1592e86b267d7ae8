"""The acting principal: an immutable value that every service takes, and that audit entries and events record."""

import uuid
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["live", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The actor of a call, and its origin.

    `id` is a TypeID (`key_…`, `usr_…`) or, for the system itself, the name of the job.
    """

    kind: Literal["key", "user", "staff", "system"]
    id: str
    name: str
    company_id: uuid.UUID | None = None
    mode: Mode | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    ip: str | None = None
    user_agent: str = ""
    request_id: str | None = None

    # --- attributes that Django's and DRF's classes expect of `request.user` (IsAuthenticated, UserRateThrottle, …) ------------------

    @property
    def pk(self) -> str:
        """The ID, under Django's name for it."""
        return self.id

    @property
    def is_authenticated(self) -> bool:
        """Always true, because anonymous requests have no principal."""
        return True

    @property
    def is_anonymous(self) -> bool:
        """Always false."""
        return False

    @property
    def is_staff(self) -> bool:
        """Whether it is a member of staff. A key never is."""
        return self.kind == "staff"

    @classmethod
    def system(cls, name: str) -> "Principal":
        """Return the principal of a system job, such as `webhooks.relay`."""
        return cls(kind="system", id=name, name=name)
