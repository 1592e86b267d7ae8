"""Seals: a hash of every row, chained per company, stream and day, under a signed head (docs/architecture.md, Audit)."""

from django.db import models
from django.db.models.functions import Now

from core import clock
from core.postgres.fields import NextValue
from core.tenancy import TenantModel
from core.values import ids

# The sequence for inserted entries, created by a migration.
ENTRY_SEQUENCE = "audit_entry_sequence"


class Streams(models.TextChoices):
    """The sealed streams. `staff` and `unowned` belong to no company and are chained under the nil UUID."""

    ENTRIES = "entries", "Audit entries"
    REQUESTS = "requests", "Requests"
    STAFF = "staff", "Events without a company"
    UNOWNED = "unowned", "Requests without a company"


class ChainColumns(TenantModel):
    """Which chain a row belongs to: a company, a mode, a stream and a day."""

    company = models.ForeignKey(
        "accounts.Company", on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    created = None  # type: ignore[assignment]
    stream = models.CharField(max_length=8, choices=Streams)
    day = models.DateField()

    class Meta(TenantModel.Meta):
        abstract = True


class Seal(ChainColumns):
    """One batch of rows. `leaves` is, for each row in order, its id (16 bytes) and the SHA-256 of its content (32).

    `digest` is the SHA-256 of the seal's header, the previous digest and the leaves. Partitioned by day, like the rows.
    """

    number = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    previous = models.BinaryField(max_length=32)
    leaves = models.BinaryField()
    digest = models.BinaryField(max_length=32)

    class Meta(ChainColumns.Meta):
        constraints = [*TenantModel.Meta.constraints]
        indexes = [
            models.Index(fields=["company", "mode", "stream", "day", "number"], name="audit_seal_chain")
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.day} #{self.number}"


class SealHead(ChainColumns):
    """The head of a chain: its number of seals and rows, its last digest, and their signature.

    Heads outlive the partition. They are also appended to a file outside the database (`AUDIT_HEADS_FILE`).
    """

    seals = models.PositiveIntegerField(default=0)
    rows = models.PositiveBigIntegerField(default=0)
    digest = models.BinaryField(max_length=32)
    changed = models.DateTimeField(default=clock.now)
    signed_seals = models.PositiveIntegerField(default=0)
    signed_at = models.DateTimeField(null=True)
    signature = models.BinaryField(max_length=64, null=True)

    class Meta(ChainColumns.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["company", "mode", "stream", "day"], name="audit_sealhead_chain"),
        ]
        indexes = [
            models.Index(
                fields=["changed"],
                name="audit_sealhead_unsigned",
                condition=~models.Q(seals=models.F("signed_seals")),
            ),
            models.Index(fields=["day"], name="audit_sealhead_day"),
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.day}: {self.seals} seals"


class UnsealedEntry(models.Model):
    """Marks an entry that is not sealed yet. Inserted with the entry and deleted when it is sealed; `id` is the entry's.

    `sequence` is assigned at the insert; the sealer appends committed entries to their chain in this order. If an entry
    disappears before it was sealed, the marker stays as evidence, with `missing_since` set.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    stream = models.CharField(max_length=8, choices=Streams)
    sequence = models.BigIntegerField(db_default=NextValue(ENTRY_SEQUENCE), editable=False)
    created = models.DateTimeField(db_default=Now(), editable=False)
    missing_since = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "unsealed entries"
        indexes = [
            models.Index(
                fields=["stream", "sequence"],
                name="audit_unsealedentry_next",
                condition=models.Q(missing_since__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.id}"


class PruneCheckpoint(models.Model):
    """A signed record of a day's contents when it was dropped, to distinguish pruned days from deleted ones."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    created = models.DateTimeField(default=clock.now)
    table = models.CharField(max_length=64)
    day = models.DateField()
    rows = models.PositiveBigIntegerField()
    heads = models.PositiveIntegerField()
    heads_digest = models.BinaryField(max_length=32)
    signature = models.BinaryField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["table", "day"], name="audit_prunecheckpoint_once")]

    def __str__(self) -> str:
        return f"{self.table} {self.day}: {self.rows} rows dropped"
