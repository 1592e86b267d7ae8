from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Every `migrate`, so every start, makes the partitions of the coming days; `/readyz` says when they run out."""
        from audit.partitions.readiness import check_partitions
        from core.health import READINESS_CHECKS

        post_migrate.connect(_after_migrate, sender=self)
        READINESS_CHECKS["audit_partitions"] = check_partitions


def _after_migrate(*, using: str, **_: Any) -> None:
    from audit.partitions.tables import ensure_partitions

    ensure_partitions(using=using)
