"""Security events: who did what, when and from where. Rows are added and read, never changed (docs/architecture.md, Audit)."""

from django.apps import apps
from django.db import models
from django.utils.text import capfirst

from core import clock
from core.tenancy import TenantModel
from core.values import ids


class EntryColumns(models.Model):
    """The columns of every entry. The actor's name is copied, because people and keys get renamed and deleted."""

    class ActorKinds(models.TextChoices):
        """Kinds of actors (core.principal)."""

        KEY = "key", "API key"
        USER = "user", "Person"
        STAFF = "staff", "Staff"
        SYSTEM = "system", "Pomelo"

    action = models.CharField(max_length=64, db_collation="C")
    actor_kind = models.CharField(max_length=8, choices=ActorKinds)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=254, db_collation="C")
    target_type = models.CharField(max_length=64)
    target_id = models.CharField(max_length=64)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=500)
    request_id = models.CharField(max_length=40)
    changes = models.JSONField(default=dict)
    detail = models.JSONField(default=dict)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_name}"

    @property
    def target_text(self) -> str:
        """What people call the target: its ID, or what a list of the staff site is of (`accounts.user`: Users)."""
        try:
            return capfirst(str(apps.get_model(self.target_id)._meta.verbose_name_plural))
        except (LookupError, ValueError):
            return self.target_id


class AuditEntry(EntryColumns, TenantModel):
    """An event of a company, written in the transaction of the change itself.

    Partitioned by day. There is no foreign key to the company, because entries outlive it.
    """

    id_prefix = "aud"

    company = models.ForeignKey(
        "accounts.Company", on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )

    class Meta(TenantModel.Meta):
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        constraints = [*TenantModel.Meta.constraints]
        indexes = [
            models.Index(fields=["company", "mode", "action", "id"], name="audit_entry_action"),
            models.Index(fields=["company", "mode", "actor_id", "id"], name="audit_entry_actor"),
            models.Index(fields=["company", "mode", "actor_name", "id"], name="audit_entry_actor_name"),
            models.Index(fields=["company", "mode", "target_id", "id"], name="audit_entry_target"),
            models.Index(fields=["company", "mode", "ip", "id"], name="audit_entry_ip"),
            models.Index(fields=["company", "mode", "request_id"], name="audit_entry_request"),
        ]


class StaffEntry(EntryColumns):
    """An event that belongs to no company, such as an unknown secret or a failed sign-in. Only staff can read it.

    The role `app` has no privileges on the table; `system` inserts and reads.
    """

    id_prefix = "aud"

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    created = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "event without a company"
        verbose_name_plural = "events without a company"
        indexes = [
            models.Index(fields=["action", "id"], name="audit_staffentry_action"),
            models.Index(fields=["actor_id", "id"], name="audit_staffentry_actor"),
            models.Index(fields=["ip", "id"], name="audit_staffentry_ip"),
        ]

    @property
    def public_id(self) -> str:
        """The public id."""
        return ids.encode(self.id_prefix, self.id)
