"""What happens to messages (public: webhooks carry it) and to the suppression list (audit trail only)."""

from typing import ClassVar

from core.events import Event


class MessageQueued(Event):
    """A message was accepted, to be sent at once or at its `send_at`."""

    type: ClassVar[str] = "message.queued"
    sentence: ClassVar[str] = "queued message {target}"


class MessageSent(Event):
    """The provider took the message for one or more of its recipients."""

    type: ClassVar[str] = "message.sent"
    sentence: ClassVar[str] = "sent message {target}"


class MessageDelivered(Event):
    """The message arrived at one or more of its recipients."""

    type: ClassVar[str] = "message.delivered"
    sentence: ClassVar[str] = "delivered message {target}"


class MessageBounced(Event):
    """The address of one or more recipients refused the message for good."""

    type: ClassVar[str] = "message.bounced"
    sentence: ClassVar[str] = "saw message {target} bounce"


class MessageComplained(Event):
    """A recipient reported the message as unwanted."""

    type: ClassVar[str] = "message.complained"
    sentence: ClassVar[str] = "received a complaint about message {target}"


class MessageFailed(Event):
    """The message cannot be sent to one or more of its recipients."""

    type: ClassVar[str] = "message.failed"
    sentence: ClassVar[str] = "failed to send message {target}"


class MessageSuppressed(Event):
    """One or more recipients are on the suppression list; nothing was sent to them."""

    type: ClassVar[str] = "message.suppressed"
    sentence: ClassVar[str] = "held message {target} back from suppressed addresses"


class MessageCanceled(Event):
    """A message was canceled before it was sent."""

    type: ClassVar[str] = "message.canceled"
    sentence: ClassVar[str] = "canceled message {target}"


class SuppressionCreated(Event):
    """An address was put on the suppression list."""

    type: ClassVar[str] = "suppression.created"
    sentence: ClassVar[str] = "suppressed {address}"
    public: ClassVar[bool] = False


class SuppressionDeleted(Event):
    """An address was taken off the suppression list."""

    type: ClassVar[str] = "suppression.deleted"
    sentence: ClassVar[str] = "took {address} off the suppression list"
    public: ClassVar[bool] = False


class SenderDomainCreated(Event):
    """A domain was named from which mail is to come; nothing is proved yet."""

    type: ClassVar[str] = "sender_domain.created"
    sentence: ClassVar[str] = "added sender domain {domain}"
    public: ClassVar[bool] = False


class SenderDomainDeleted(Event):
    """A sender's domain was removed: no mail comes from it any more."""

    type: ClassVar[str] = "sender_domain.deleted"
    sentence: ClassVar[str] = "removed sender domain {domain}"
    public: ClassVar[bool] = False


class SenderDomainKeyRotated(Event):
    """The key that signs a sender's domain's mail was retired for the other one, and a new one made; `detail` has their selectors."""

    type: ClassVar[str] = "sender_domain.key_rotated"
    sentence: ClassVar[str] = "replaced the DKIM key of sender domain {target}"
    public: ClassVar[bool] = False


class SenderDomainVerified(Event):
    """The records of a sender's domain were found: mail may come from it."""

    type: ClassVar[str] = "sender_domain.verified"
    sentence: ClassVar[str] = "verified sender domain {target}"


class SenderDomainFailed(Event):
    """The records of a sender's domain were not there for 72 hours: no mail comes from it until they are again."""

    type: ClassVar[str] = "sender_domain.failed"
    sentence: ClassVar[str] = "stopped mail from sender domain {target}"


class SmsSenderClaimed(Event):
    """The company asked for a number or name that its SMS come from."""

    type: ClassVar[str] = "sms_sender.claimed"
    sentence: ClassVar[str] = "asked for SMS sender {sender}"
    public: ClassVar[bool] = False


class SmsSenderAssigned(Event):
    """Staff gave the company a number or name that its SMS may come from."""

    type: ClassVar[str] = "sms_sender.assigned"
    sentence: ClassVar[str] = "assigned SMS sender {sender}"
    public: ClassVar[bool] = False


class SmsSenderApproved(Event):
    """Staff approved a number or name that SMS come from."""

    type: ClassVar[str] = "sms_sender.approved"
    sentence: ClassVar[str] = "approved SMS sender {sender}"
    public: ClassVar[bool] = False


class SmsSenderRejected(Event):
    """Staff rejected a number or name, or took it back."""

    type: ClassVar[str] = "sms_sender.rejected"
    sentence: ClassVar[str] = "rejected SMS sender {sender}"
    public: ClassVar[bool] = False


class SmsSenderDeleted(Event):
    """A number or name that SMS come from was removed."""

    type: ClassVar[str] = "sms_sender.deleted"
    sentence: ClassVar[str] = "removed SMS sender {sender}"
    public: ClassVar[bool] = False


class SmsCountriesChanged(Event):
    """The countries that SMS may go to were chosen."""

    type: ClassVar[str] = "sms_countries.changed"
    sentence: ClassVar[str] = "changed the countries that SMS may go to"
    public: ClassVar[bool] = False


class SmsSpendCapChanged(Event):
    """An owner set what the company's SMS may cost a day."""

    type: ClassVar[str] = "sms_spend.cap_changed"
    sentence: ClassVar[str] = "changed what SMS may cost a day"
    public: ClassVar[bool] = False


class SmsSpendReached(Event):
    """What SMS may cost on a day is nearly or altogether used up; `detail` has the percentage and the amounts."""

    type: ClassVar[str] = "sms_spend.reached"
    sentence: ClassVar[str] = "told owners that {percent} % of what SMS may cost on {day} is used up"
    public: ClassVar[bool] = False


class TemplateCreated(Event):
    """A template of messages was made."""

    type: ClassVar[str] = "template.created"
    sentence: ClassVar[str] = "created template {target}"
    public: ClassVar[bool] = False


class TemplateUpdated(Event):
    """A template of messages was changed: its name, or its texts, of which there is a new version."""

    type: ClassVar[str] = "template.updated"
    sentence: ClassVar[str] = "changed template {target}"
    public: ClassVar[bool] = False


class TemplateDeleted(Event):
    """A template of messages was deleted; what was made of it stays."""

    type: ClassVar[str] = "template.deleted"
    sentence: ClassVar[str] = "deleted template {target}"
    public: ClassVar[bool] = False


class ReputationSlowed(Event):
    """Much of the company's email bounced or was reported: it may send little within an hour."""

    type: ClassVar[str] = "reputation.slowed"
    sentence: ClassVar[str] = "slowed the company’s email down"
    public: ClassVar[bool] = False


class ReputationPaused(Event):
    """Too much of the company's email bounced or was reported: none is accepted, and what waits is held."""

    type: ClassVar[str] = "reputation.paused"
    sentence: ClassVar[str] = "paused the company’s email"
    public: ClassVar[bool] = False


class ReputationRestored(Event):
    """Less of the company's email bounces: it sends as fast as before."""

    type: ClassVar[str] = "reputation.restored"
    sentence: ClassVar[str] = "let the company’s email go at full speed again"
    public: ClassVar[bool] = False


class ReputationAppealed(Event):
    """The company asked staff to lift what follows from its reputation."""

    type: ClassVar[str] = "reputation.appealed"
    sentence: ClassVar[str] = "asked staff to lift the limits on the company’s email"
    public: ClassVar[bool] = False


class ReputationLifted(Event):
    """Staff let the company send email as before."""

    type: ClassVar[str] = "reputation.lifted"
    sentence: ClassVar[str] = "lifted the limits on the company’s email"
    public: ClassVar[bool] = False


BY_STATUS: dict[str, type[Event]] = {
    "queued": MessageQueued,
    "sent": MessageSent,
    "delivered": MessageDelivered,
    "bounced": MessageBounced,
    "complained": MessageComplained,
    "failed": MessageFailed,
    "suppressed": MessageSuppressed,
    "canceled": MessageCanceled,
}
