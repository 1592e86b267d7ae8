"""What happens to companies and their people. None of it is public: it goes to the audit trail, not to webhooks."""

from typing import ClassVar

from core.events import Event


class _AccountEvent(Event):
    public: ClassVar[bool] = False
    company_wide: ClassVar[bool] = True


class CompanyCreated(_AccountEvent):
    """A company was created."""

    type: ClassVar[str] = "company.created"
    sentence: ClassVar[str] = "created the company"


class CompanyUpdated(_AccountEvent):
    """A company's name or settings were changed."""

    type: ClassVar[str] = "company.updated"
    sentence: ClassVar[str] = "changed the company’s settings"


class CompanySuspended(_AccountEvent):
    """Staff suspended a company."""

    type: ClassVar[str] = "company.suspended"
    sentence: ClassVar[str] = "suspended the company"


class CompanyResumed(_AccountEvent):
    """Staff lifted a suspension."""

    type: ClassVar[str] = "company.resumed"
    sentence: ClassVar[str] = "lifted the company’s suspension"


class MemberInvited(_AccountEvent):
    """Somebody was invited."""

    type: ClassVar[str] = "member.invited"
    sentence: ClassVar[str] = "invited {email} as {role}"


class InvitationRevoked(_AccountEvent):
    """An invitation was taken back."""

    type: ClassVar[str] = "member.invitation_revoked"
    sentence: ClassVar[str] = "revoked the invitation of {email}"


class MemberJoined(_AccountEvent):
    """Somebody accepted an invitation."""

    type: ClassVar[str] = "member.joined"
    sentence: ClassVar[str] = "joined the team as {role}"


class MemberRoleChanged(_AccountEvent):
    """A member got another role."""

    type: ClassVar[str] = "member.role_changed"
    sentence: ClassVar[str] = "changed the role of {target} to {role}"


class MemberRemoved(_AccountEvent):
    """A member was removed, or left."""

    type: ClassVar[str] = "member.removed"
    sentence: ClassVar[str] = "removed {email} from the team"


class SecurityPolicyChanged(_AccountEvent):
    """What the company asks of its people's sign-in, or of its keys, was changed."""

    type: ClassVar[str] = "company.security_policy_changed"
    sentence: ClassVar[str] = "changed the company’s security policy"


class RequestBodiesChanged(_AccountEvent):
    """Whether bodies of requests are kept for the request log was changed, or kept ones were deleted."""

    type: ClassVar[str] = "company.request_bodies_changed"
    sentence: ClassVar[str] = "changed which bodies of requests are kept"


class OwnershipTransferred(_AccountEvent):
    """An owner handed the company to another member and is an admin now."""

    type: ClassVar[str] = "company.ownership_transferred"
    sentence: ClassVar[str] = "transferred the company to {owner}"


class SignedIn(_AccountEvent):
    """A member signed in; every company they belong to sees it."""

    type: ClassVar[str] = "user.signed_in"
    sentence: ClassVar[str] = "signed in"


class SessionsEnded(_AccountEvent):
    """A member signed out one or several of their other devices."""

    type: ClassVar[str] = "user.sessions_ended"
    sentence: ClassVar[str] = "signed out {sessions} of their other devices"


class SignInFailed(_AccountEvent):
    """A password or code was wrong. Belongs to no company: only staff see it."""

    type: ClassVar[str] = "user.sign_in_failed"
    sentence: ClassVar[str] = "failed to sign in as {email}"


class PasswordChanged(_AccountEvent):
    """A member changed, set or reset their password."""

    type: ClassVar[str] = "user.password_changed"
    sentence: ClassVar[str] = "changed their password"


class SecondFactorAdded(_AccountEvent):
    """A member added an authenticator app, a passkey, a security key or recovery codes."""

    type: ClassVar[str] = "user.second_factor_added"
    sentence: ClassVar[str] = "added a second factor"


class SecondFactorRemoved(_AccountEvent):
    """A member removed a second factor."""

    type: ClassVar[str] = "user.second_factor_removed"
    sentence: ClassVar[str] = "removed a second factor"
