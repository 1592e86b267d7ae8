"""What happens to keys. The public ones are in the webhook catalogue; all of them are in the audit trail."""

from typing import ClassVar

from core.events import Event


class ApiKeyCreated(Event):
    """A key was created: by whom and with which permissions."""

    type: ClassVar[str] = "api_key.created"
    sentence: ClassVar[str] = "created key {target}"


class ApiKeyUpdated(Event):
    """Name, scopes, limits or restrictions of a key were changed."""

    type: ClassVar[str] = "api_key.updated"
    sentence: ClassVar[str] = "changed key {target}"


class ApiKeyRotated(Event):
    """A key got a new secret; the old one ended at once or ends after an overlap."""

    type: ClassVar[str] = "api_key.rotated"
    sentence: ClassVar[str] = "rotated key {target}"


class ApiKeyOverlapEnded(Event):
    """The overlap of a rotation was cut short: only the newest secret works."""

    type: ClassVar[str] = "api_key.overlap_ended"
    sentence: ClassVar[str] = "ended the old secret of key {target}"


class ApiKeyRevoked(Event):
    """A key was revoked."""

    type: ClassVar[str] = "api_key.revoked"
    sentence: ClassVar[str] = "revoked key {target}"


class ApiKeyRestored(Event):
    """A revocation was undone."""

    type: ClassVar[str] = "api_key.restored"
    sentence: ClassVar[str] = "undid the revocation of key {target}"


class ApiKeyExpiring(Event):
    """A key will expire within days, or today."""

    type: ClassVar[str] = "api_key.expiring"
    sentence: ClassVar[str] = "warned that key {target} expires soon"


class ApiKeyExpired(Event):
    """A key has reached its expiry date."""

    type: ClassVar[str] = "api_key.expired"
    sentence: ClassVar[str] = "noted that key {target} has expired"


class ApiKeyRotationDue(Event):
    """A key's secret is older than its rotation interval."""

    type: ClassVar[str] = "api_key.rotation_due"
    sentence: ClassVar[str] = "reminded the team to rotate key {target}"


class ApiKeyExposed(Event):
    """A key was exposed: somebody found it, or it crossed a network unencrypted."""

    type: ClassVar[str] = "api_key.exposed"
    sentence: ClassVar[str] = "reported the secret of key {target} as leaked"


class ApiKeyDeadSecretReported(Event):
    """Somebody has found a secret that no longer worked: rotated out, expired or revoked. Nothing had to be done."""

    type: ClassVar[str] = "api_key.dead_secret_reported"
    sentence: ClassVar[str] = "reported an old secret of key {target}"
    public: ClassVar[bool] = False


class UnknownSecretReported(Event):
    """Somebody has reported a well-formed secret that is nobody's here. It belongs to no company: only staff see it."""

    type: ClassVar[str] = "api_key.unknown_secret_reported"
    sentence: ClassVar[str] = "reported a secret that belongs to no key here"
    public: ClassVar[bool] = False


class ApiKeyAuthenticated(Event):
    """A secret was used successfully for the first time from an address in this hour."""

    type: ClassVar[str] = "api_key.authenticated"
    sentence: ClassVar[str] = "authenticated from {ip}"
    public: ClassVar[bool] = False


class ApiKeyRefused(Event):
    """A request with a known secret was refused before anything ran: revoked, expired, address, origin or scope."""

    type: ClassVar[str] = "api_key.refused"
    sentence: ClassVar[str] = "was refused: {code}"
    public: ClassVar[bool] = False


class AuthenticationFailed(Event):
    """A request came without a valid credential. It belongs to no company: only staff see it."""

    type: ClassVar[str] = "api_key.authentication_failed"
    sentence: ClassVar[str] = "failed to authenticate: {code}"
    public: ClassVar[bool] = False
