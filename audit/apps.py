from typing import Any

from django.apps.registry import Apps
from django.db.models.signals import post_migrate

from core.resources import MenuEntry, PomeloApp, Resource, Scope


class AuditConfig(PomeloApp):
    """The audit trail and the request log."""

    name = "audit"
    api_urls = "audit.api.urls"
    examples = "audit.api.examples"
    page_urls = "audit.dashboard.urls"
    resources = (
        Resource(
            name="audit_entries",
            object="audit_entry",
            prefix="aud",
            description="Who did what, when and from where.",
            are_pruned=True,
        ),
        Resource(
            name="request_logs",
            object="request_log",
            prefix="req",
            description="Every request with a key and, if it was refused, why.",
            are_pruned=True,
        ),
    )
    scopes = (Scope("audit:read", "Audit", "Read the audit trail and the request log"),)
    menu = (
        MenuEntry("developers", "Requests", "/requests/", "activity", 20),
        MenuEntry("company", "Audit", "/audit/", "audit", 10),
    )
    finders = ("audit.finding.find",)
    namers = ("audit.finding.name",)
    audit_labels = {"audit": "Exports"}

    def ready(self) -> None:
        """Create upcoming partitions after every `migrate`, and so at every start; `/readyz` warns before they run out."""
        from audit.ingest.waiting import read_oldest_request
        from audit.partitions.figures import read_partitions
        from audit.partitions.readiness import check_partitions
        from audit.restoring import (
            check_rights,
            check_rights_are_held,
            keep_partitions,
            report_lost_seals,
            seal_unsealed,
        )
        from audit.rotation import count_signers
        from audit.seals.waiting import read_oldest_entry
        from core.background.watch import FIGURES, WATCHES
        from core.operations.health import READINESS_CHECKS
        from core.operations.restoring import STEPS
        from core.security import rotation
        from core.security.rotation import ENCRYPTED_COLUMNS, EncryptedColumn

        post_migrate.connect(_after_migrate, sender=self)
        READINESS_CHECKS["audit_partitions"] = check_partitions
        READINESS_CHECKS["audit_rights"] = check_rights_are_held
        WATCHES["entries"] = read_oldest_entry
        WATCHES["request log"] = read_oldest_request
        FIGURES["partitions"] = read_partitions
        ENCRYPTED_COLUMNS.extend(
            (
                EncryptedColumn("audit_requestbodies", "request", "bytes"),
                EncryptedColumn("audit_requestbodies", "response", "bytes"),
            )
        )
        rotation.STEPS["AUDIT_SIGNING_KEY"] = count_signers
        STEPS["audit rights"] = check_rights
        STEPS["audit partitions"] = keep_partitions
        STEPS["exported heads"] = (
            report_lost_seals  # before anything is sealed, which would hide missing seals
        )
        STEPS["audit seals"] = seal_unsealed


def _after_migrate(*, using: str, apps: Apps, **_: Any) -> None:
    from audit.partitions.tables import ensure_partitions

    # `apps` is the migrated state: `migrate accounts` alone does not create the audit tables.
    if "seal" in apps.all_models["audit"]:
        ensure_partitions(using=using)
