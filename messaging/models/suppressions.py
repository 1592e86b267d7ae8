"""The suppression list."""

from django.db import models

from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel
from messaging.models.messages import MAX_TOPIC, Message


class Suppression(TenantModel):
    """A suppressed address and the reason; with a `topic`, only that topic's bulk mail is suppressed."""

    id_prefix = "sup"

    class Origins(models.TextChoices):
        """How the address was added to the list."""

        BOUNCE = "bounce", "Bounce"
        COMPLAINT = "complaint", "Complaint"
        MANUAL = "manual", "Manual"
        UNSUBSCRIBE = "unsubscribe", "Unsubscribe"

    channel = models.CharField(max_length=16)
    address = models.CharField(max_length=320)
    address_normalized = models.CharField(max_length=320)
    origin = models.CharField(max_length=11, choices=Origins)
    topic = models.CharField(max_length=MAX_TOPIC, blank=True, db_default="")
    message = TenantForeignKey(
        Message, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    note = models.CharField(max_length=200, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="messaging_suppression_message_fk", fields="message", to="messaging.Message"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "channel", "address_normalized", "topic"],
                name="messaging_suppression_address",
            ),
            models.CheckConstraint(
                condition=models.Q(origin__in=["bounce", "complaint", "manual", "unsubscribe"]),
                name="messaging_suppression_known_origin",
            ),
            # Unsubscribing only applies to a topic; every other origin blocks all messages.
            models.CheckConstraint(
                condition=(models.Q(origin="unsubscribe") & ~models.Q(topic=""))
                | (~models.Q(origin="unsubscribe") & models.Q(topic="")),
                name="messaging_suppression_topic",
            ),
        ]
        indexes = [
            tenant_index(name="messaging_suppression_newest"),
            tenant_index("origin", name="messaging_suppression_origin"),
            tenant_index("topic", name="messaging_suppression_by_topic"),
            models.Index(fields=["company", "mode", "message"], name="messaging_suppression_message"),
            tenant_index("address_normalized", name="messaging_suppression_found"),
            # The lookup for each recipient (ADR 16). By an operator class without the order of texts, so that no list is sorted by it,
            # which would read the addresses of all companies.
            models.Index(
                fields=["address_normalized", "company", "mode"],
                opclasses=["text_pattern_ops", "uuid_ops", "text_ops"],
                name="messaging_suppression_lookup",
            ),
        ]

    def __str__(self) -> str:
        return self.address
