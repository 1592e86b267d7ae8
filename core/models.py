"""The kernel's tables: the outbox of events, the answers to idempotent writes, our own mail, and what batches set
aside."""

from datetime import timedelta
from typing import Any

from django.db import models

from core import clock
from core.postgres.fields import NextValue
from core.tenancy import TenantModel
from core.values import api_dates, ids

IDEMPOTENCY_KEPT_FOR = timedelta(hours=24)
# Drawn by every event as it is inserted, and by every one that the relay takes. Made by a migration.
EVENT_SEQUENCE = "core_event_sequence"
EVENT_POSITIONS = "core_event_position"


class OutboxEvent(TenantModel):
    """Something that happened, written in the transaction that made it happen. It is what `GET /v1/events` lists.

    `sequence` is drawn at the insert and says in which order the relay takes what it finds committed; the relay gives
    the `position`, by which everything reads that reads in order. Whoever commits late gets a later position, so nothing
    ever appears behind a reader (docs/architecture.md, Events). Somebody who subscribes numbers what is there first.
    """

    id_prefix = "evt"

    type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    data = models.JSONField()
    public = models.BooleanField()
    sequence = models.BigIntegerField(db_default=NextValue(EVENT_SEQUENCE), editable=False)
    position = models.BigIntegerField(null=True, editable=False)
    relayed_at = models.DateTimeField(null=True)
    # The version of the API whose form the object in `data` has.
    api_version = models.CharField(max_length=10, db_default=api_dates.FIRST, editable=False)
    # The W3C trace context of the request that published it, where tracing is on (core.tracing).
    traceparent = models.CharField(max_length=55, null=True, editable=False)  # noqa: DJ001 - a NULL takes no room in the row

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            # Read backwards it begins with what has no position yet. A counter for all, so a gap says nothing.
            models.UniqueConstraint(fields=["company", "mode", "position"], name="core_outboxevent_position"),
            # What was relayed has its position; a test event goes to one endpoint, is never
            # relayed, and has no place in the order.
            models.CheckConstraint(
                condition=models.Q(public=False, position__isnull=True, relayed_at__isnull=False)
                | models.Q(public=True, relayed_at__isnull=True)
                | models.Q(public=True, position__isnull=False),
                name="core_outboxevent_relayed",
            ),
        ]
        indexes = [
            # The order in which the relay takes a company's events: those that have a position already come first.
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
    """The stored answer to a write that carried an Idempotency-Key (docs/architecture.md, Idempotency)."""

    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()  # encrypted, and without what is shown once; empty when it was streamed
    actor = models.CharField(max_length=64, blank=True, db_default="", help_text="Who got the answer first.")
    # What the request was asked for beyond its endpoint's own scope: of each list one is needed to get the answer again.
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
    """A row of a batch that failed and was set aside, so that the others could go on (core.background.set_aside).

    Of every company's rows, for staff: the role `app` has no right on the table at all.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    batch = models.CharField(max_length=64, help_text="Which work it was part of.")
    item = models.CharField(max_length=200, help_text="Its identifier.")
    row_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=500)
    tries = models.PositiveIntegerField(default=1)
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
    """A mail of our own that waits for the mail server (core.mail). The role `app` may add one and see none."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    created = models.DateTimeField(default=clock.now, editable=False)
    content = models.BinaryField()  # encrypted: mails carry codes and links that let people in
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="core_outgoingmail_due")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """The identifier that logs and staff see."""
        return ids.encode("mail", self.id)
