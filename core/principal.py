"""Who is acting: one frozen value that every service takes, and that audit entries and events name."""

import uuid
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["live", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The actor behind a call, and from where it came.

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

    # --- what Django's and DRF's own classes ask of `request.user` (IsAuthenticated, UserRateThrottle, …) ------------------

    @property
    def pk(self) -> str:
        """The identifier under the name that Django gives it."""
        return self.id

    @property
    def is_authenticated(self) -> bool:
        """Always: nobody in particular has no principal."""
        return True

    @property
    def is_anonymous(self) -> bool:
        """Never."""
        return False

    @property
    def is_staff(self) -> bool:
        """Tell whether it is one of the operator's people; a key never is."""
        return self.kind == "staff"

    @classmethod
    def system(cls, name: str) -> "Principal":
        """Return the principal of a job of the system's own, such as `webhooks.relay`."""
        return cls(kind="system", id=name, name=name)
