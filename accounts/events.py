"""What happens to companies and their people. None of it is public: it goes to the audit trail, not to webhooks."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class _AccountEvent(Event):
    public: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class CompanyCreated(_AccountEvent):
    """A company was created."""

    type: ClassVar[str] = "company.created"


@dataclass(frozen=True, kw_only=True)
class CompanyUpdated(_AccountEvent):
    """A company's name or settings were changed."""

    type: ClassVar[str] = "company.updated"


@dataclass(frozen=True, kw_only=True)
class CompanySuspended(_AccountEvent):
    """Staff suspended a company."""

    type: ClassVar[str] = "company.suspended"


@dataclass(frozen=True, kw_only=True)
class CompanyResumed(_AccountEvent):
    """Staff lifted a suspension."""

    type: ClassVar[str] = "company.resumed"


@dataclass(frozen=True, kw_only=True)
class MemberInvited(_AccountEvent):
    """Somebody was invited."""

    type: ClassVar[str] = "member.invited"


@dataclass(frozen=True, kw_only=True)
class InvitationRevoked(_AccountEvent):
    """An invitation was taken back."""

    type: ClassVar[str] = "member.invitation_revoked"


@dataclass(frozen=True, kw_only=True)
class MemberJoined(_AccountEvent):
    """Somebody accepted an invitation."""

    type: ClassVar[str] = "member.joined"


@dataclass(frozen=True, kw_only=True)
class MemberRoleChanged(_AccountEvent):
    """A member got another role."""

    type: ClassVar[str] = "member.role_changed"


@dataclass(frozen=True, kw_only=True)
class MemberRemoved(_AccountEvent):
    """A member was removed, or left."""

    type: ClassVar[str] = "member.removed"
