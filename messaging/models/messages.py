"""Messages, their attachments, their recipients and the status of each."""

from datetime import UTC, datetime

from django.db import models

from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel
from messaging.attachments import MAX_ATTACHMENTS

MAX_RECIPIENTS = 100
MAX_TOPIC = 50


class Status(models.TextChoices):
    """The status of a message or recipient (docs/architecture.md, Messages). Only messages are `scheduled` or `sending`."""

    QUEUED = "queued", "Queued"
    SCHEDULED = "scheduled", "Scheduled"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    BOUNCED = "bounced", "Bounced"
    COMPLAINED = "complained", "Complained"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Canceled"
    SUPPRESSED = "suppressed", "Suppressed"


# Allowed status transitions of a recipient. Delivery reports may arrive late, twice or before we have recorded the send.
FOLLOWS: dict[str, frozenset[str]] = {
    Status.QUEUED: frozenset(
        {"sent", "delivered", "bounced", "complained", "failed", "suppressed", "canceled"}
    ),
    Status.SENT: frozenset({"delivered", "bounced", "complained", "failed"}),
    Status.DELIVERED: frozenset({"bounced", "complained"}),
    Status.BOUNCED: frozenset(),
    Status.COMPLAINED: frozenset(),
    Status.FAILED: frozenset(),
    Status.SUPPRESSED: frozenset(),
    Status.CANCELED: frozenset(),
}

# A message shows the first of these that any of its recipients has, so that problems are visible.
PRECEDENCE = (
    Status.COMPLAINED,
    Status.BOUNCED,
    Status.FAILED,
    Status.SENT,
    Status.DELIVERED,
    Status.SUPPRESSED,
    Status.CANCELED,
)

# The due time of a message that is held by a pause (Reputation): never, and no other message is due then.
HELD = datetime(9000, 1, 1, tzinfo=UTC)


class Message(TenantModel):
    """A message to up to 100 recipients. The row is the queue: nothing else knows what is still to be sent.

    `due_at` is when a worker may claim it: the time to send, the next attempt, or, while a worker has it, the end of that worker's
    lease; HELD while the company's email is paused; NULL when nothing is left to do. `attempt` counts the claims and is the fencing
    token: a worker's result is accepted only while the number has not changed. `deferrals` counts the temporary failures, and
    determines the back-off.
    """

    id_prefix = "msg"

    channel = models.CharField(max_length=16)
    status = models.CharField(max_length=16, choices=Status)
    sender = models.CharField(max_length=700, blank=True)
    reply_to = models.JSONField(default=list)
    subject = models.CharField(max_length=998, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    customer = TenantForeignKey(
        "billing.Customer", on_delete=models.RESTRICT, null=True, related_name="+", db_index=False
    )
    topic = models.CharField(
        max_length=MAX_TOPIC,
        blank=True,
        db_default="",
        help_text="What bulk mail is about; transactional messages have none.",
    )
    headers = models.JSONField(
        default=dict,
        db_default={},
        help_text="Headers of an email that the caller has set (messaging.custom_headers).",
    )
    template = models.CharField(
        max_length=40,
        blank=True,
        db_default="",
        help_text="The id of the template it was made of, which may be gone.",
    )
    template_version = models.PositiveIntegerField(null=True)
    attachments = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="Name, type and size of each file, in their order; the bytes are in rows of their own.",
    )
    tags = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)
    recipient_count = models.PositiveSmallIntegerField()
    created_by = models.CharField(
        max_length=64, blank=True, db_default="", help_text="The key or person that sent it."
    )
    send_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    deferrals = models.PositiveSmallIntegerField(default=0)
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="messaging_message_customer_fk", fields="customer", to="billing.Customer"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=Status.values), name="messaging_message_known_status"
            ),
            models.CheckConstraint(
                condition=models.Q(recipient_count__gte=1, recipient_count__lte=MAX_RECIPIENTS),
                name="messaging_message_recipients",
            ),
            # Only email has one-click unsubscribe (RFC 8058).
            models.CheckConstraint(
                condition=models.Q(topic="") | models.Q(channel="email"),
                name="messaging_message_bulk_is_email",
            ),
            # Pending work has a due time and completed work has none, so that nothing can be forgotten or sent again.
            models.CheckConstraint(
                condition=models.Q(status__in=["queued", "scheduled", "sending"], due_at__isnull=False)
                | (~models.Q(status__in=["queued", "scheduled", "sending"]) & models.Q(due_at__isnull=True)),
                name="messaging_message_waiting",
            ),
        ]
        indexes = [
            models.Index(
                fields=["company", "due_at"],
                name="messaging_message_due",
                condition=models.Q(due_at__isnull=False),
            ),
            tenant_index("status", name="messaging_message_status"),
            tenant_index("channel", name="messaging_message_channel"),
            tenant_index("customer", name="messaging_message_customer"),
            # Last: of similar indexes, PostgreSQL uses the one created last, and this one finds a row by its ID (ADR 16).
            tenant_index(name="messaging_message_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.public_id}"

    @property
    def is_held(self) -> bool:
        """Whether it is held until the pause of its company's email ends."""
        return self.due_at == HELD


class MessageTag(TenantModel):
    """A tag of a message in its own narrow table, so that a B-tree serves the filter by tag (docs/architecture.md, Tenancy)."""

    message = TenantForeignKey(Message, on_delete=models.CASCADE, related_name="tag_rows", db_index=False)
    tag = models.CharField(max_length=50)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="messaging_messagetag_message_fk", fields="message", to="messaging.Message"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "tag", "message"], name="messaging_messagetag_once"
            ),
        ]
        indexes = [models.Index(fields=["company", "mode", "message"], name="messaging_messagetag_message")]

    def __str__(self) -> str:
        return self.tag


class MessageAttachment(TenantModel):
    """The bytes of an attachment, which `Message.attachments` describes at the same position."""

    message = TenantForeignKey(
        Message, on_delete=models.CASCADE, related_name="attachment_rows", db_index=False
    )
    position = models.PositiveSmallIntegerField()
    content = models.BinaryField()

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="messaging_messageattachment_message_fk", fields="message", to="messaging.Message"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "message", "position"],
                name="messaging_messageattachment_position",
            ),
            models.CheckConstraint(
                condition=models.Q(position__lt=MAX_ATTACHMENTS), name="messaging_messageattachment_few"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.position}"


class Recipient(TenantModel):
    """A recipient of a message, and its status."""

    id_prefix = "rcp"

    class Kinds(models.TextChoices):
        """Where an email shows the address; other channels have `to` only."""

        TO = "to", "To"
        CC = "cc", "Cc"
        BCC = "bcc", "Bcc"

    message = TenantForeignKey(Message, on_delete=models.CASCADE, related_name="recipients", db_index=False)
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=3, choices=Kinds, default=Kinds.TO)
    name = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=320)
    address_normalized = models.CharField(max_length=320)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    error_code = models.CharField(max_length=50, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    provider = models.CharField(max_length=30, blank=True)
    provider_id = models.CharField(max_length=200, blank=True)
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="messaging_recipient_message_fk", fields="message", to="messaging.Message"
            ),
            # The message comes first, and the mode late: see the comment on the indexes.
            models.UniqueConstraint(
                fields=["message", "company", "mode", "address_normalized"], name="messaging_recipient_once"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=[value for value in Status.values if value not in ("scheduled", "sending")]
                ),
                name="messaging_recipient_status",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["to", "cc", "bcc"]), name="messaging_recipient_kind"
            ),
        ]
        # Without statistics, PostgreSQL estimates a single row for a company and mode, and may scan any index that begins with the
        # company to its end (ADR 16). No index here does, except the one that continues with the ID.
        indexes = [
            models.Index(
                fields=["address_normalized", "company", "mode"],
                name="messaging_recipient_address",
            ),
            # The lookup for a provider's report, before the tenant is known.
            models.Index(
                fields=["provider", "provider_id"],
                name="messaging_recipient_provider",
                condition=~models.Q(provider_id=""),
            ),
        ]

    def __str__(self) -> str:
        return self.address


class RecipientEvent(TenantModel):
    """An event of a recipient, for the timeline on the message page. Append-only.

    `note_id` is the provider's ID of the report, so that a repeated report is recorded only once.
    """

    recipient = TenantForeignKey(Recipient, on_delete=models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(max_length=16)  # a status, or `deferred`
    code = models.CharField(max_length=50, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    attempt = models.PositiveIntegerField(null=True)
    source = models.CharField(max_length=30)  # the provider's name, or `pomelo`
    note_id = models.CharField(max_length=200, null=True)  # noqa: DJ001  NULL repeats in a unique key, "" does not

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="messaging_recipientevent_recipient_fk", fields="recipient", to="messaging.Recipient"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "recipient", "note_id"], name="messaging_recipientevent_note"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "mode", "recipient", "id"], name="messaging_recipientevent_line")
        ]

    def __str__(self) -> str:
        return self.kind
