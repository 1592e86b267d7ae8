"""The kernel's tables: event outbox, responses to idempotent writes, the platform's own email, and rows set aside."""

from datetime import timedelta
from typing import Any

from django.db import models

from core import clock
from core.postgres.fields import NextValue
from core.tenancy import TenantModel
from core.values import api_dates, ids

# How long an Idempotency-Key lives, also in words.
IDEMPOTENCY_KEPT_FOR = timedelta(hours=24)
IDEMPOTENCY_HOURS = f"{IDEMPOTENCY_KEPT_FOR // timedelta(hours=1)} hours"
# Sequences for inserted events and for relayed ones, created by a migration.
EVENT_SEQUENCE = "core_event_sequence"
EVENT_POSITIONS = "core_event_position"


class OutboxEvent(TenantModel):
    """An event, written in the transaction that caused it. `GET /v1/events` lists these.

    `sequence` is assigned at insertion and determines the order in which the relay processes committed events. The relay
    assigns the `position`, which all ordered readers use. A late commit gets a later position, so nothing ever appears behind
    a reader (docs/architecture.md, Events). A new subscription first assigns positions to existing events.
    """

    id_prefix = "evt"

    type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    data = models.JSONField()
    public = models.BooleanField()
    sequence = models.BigIntegerField(db_default=NextValue(EVENT_SEQUENCE), editable=False)
    position = models.BigIntegerField(null=True, editable=False)
    relayed_at = models.DateTimeField(null=True)
    # The API version of the object in `data`.
    api_version = models.CharField(max_length=10, db_default=api_dates.FIRST, editable=False)
    # The W3C trace context of the publishing request, if tracing is enabled (core.tracing).
    traceparent = models.CharField(max_length=55, null=True, editable=False)  # noqa: DJ001 - a NULL takes no room in the row

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            # Read backwards, it starts with events without a position. The sequence is shared by all companies, so gaps mean nothing.
            models.UniqueConstraint(fields=["company", "mode", "position"], name="core_outboxevent_position"),
            # Relayed events have a position. A test event is sent to one endpoint only, is never relayed, and has no position.
            models.CheckConstraint(
                condition=models.Q(public=False, position__isnull=True, relayed_at__isnull=False)
                | models.Q(public=True, relayed_at__isnull=True)
                | models.Q(public=True, position__isnull=False),
                name="core_outboxevent_relayed",
            ),
        ]
        indexes = [
            # The order in which the relay processes a company's events: those that already have a position come first.
            models.Index(
                fields=["company", "position", "sequence"],
                name="core_outboxevent_waiting",
                condition=models.Q(relayed_at__isnull=True),
            ),
            models.Index(fields=["company", "mode", "type", "position"], name="core_outboxevent_type"),
            models.Index(fields=["company", "mode", "object_id", "id"], name="core_outboxevent_object"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"


def _idempotency_expiry() -> Any:
    return clock.now() + IDEMPOTENCY_KEPT_FOR


class IdempotencyRecord(TenantModel):
    """The stored response to a write with an Idempotency-Key (docs/architecture.md, Idempotency)."""

    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()  # encrypted, without secrets that are shown once; empty if it was streamed
    actor = models.CharField(max_length=64, blank=True, db_default="", help_text="Who got the answer first.")
    # Scopes required beyond the endpoint's own. A replay requires one of each list.
    scopes = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    expires = models.DateTimeField(default=_idempotency_expiry)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["company", "mode", "key"], name="core_idempotencyrecord_key"),
        ]
        indexes = [models.Index(fields=["expires"], name="core_idempotencyrecord_expires")]

    def __str__(self) -> str:
        return self.key


class SetAside(models.Model):
    """A row of a batch that failed and was set aside so that the others could continue (core.background.set_aside).

    Contains rows of all companies, for staff. The role `app` has no privileges on the table.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    batch = models.CharField(max_length=64, help_text="Which work it was part of.")
    item = models.CharField(max_length=200, help_text="Its identifier.")
    row_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=500)
    attempts = models.PositiveIntegerField(default=1)
    first_seen = models.DateTimeField(default=clock.now, editable=False)
    last_seen = models.DateTimeField()
    try_again_at = models.DateTimeField()

    class Meta:
        verbose_name = "row set aside"
        verbose_name_plural = "rows set aside"
        constraints = [models.UniqueConstraint(fields=["batch", "item"], name="core_setaside_once")]

    def __str__(self) -> str:
        return f"{self.item} in {self.batch}"


class OutgoingMail(models.Model):
    """A queued platform email (core.mail). The role `app` may insert but not read."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    created = models.DateTimeField(default=clock.now, editable=False)
    content = models.BinaryField()  # encrypted, because emails contain sign-in codes and links
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="core_outgoingmail_due")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """The ID shown in logs and to staff."""
        return ids.encode("mail", self.id)
