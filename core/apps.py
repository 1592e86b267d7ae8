from django.utils.module_loading import autodiscover_modules

from core.resources import PomeloApp


class CoreConfig(PomeloApp):
    """The kernel that all apps build on."""

    name = "core"
    api_urls = "core.api.urls"
    examples = "core.api.shared_examples"
    audit_labels = {"staff": "Staff"}

    def ready(self) -> None:
        """Load every app's events, and register the system checks, whose errors prevent startup."""
        from core import checks, resource_checks  # noqa: F401
        from core.api import checks as api_checks  # noqa: F401
        from core.security.rotation import ENCRYPTED_COLUMNS, EncryptedColumn

        ENCRYPTED_COLUMNS.extend(
            (
                EncryptedColumn("core_outgoingmail", "content", "bytes"),
                EncryptedColumn("core_idempotencyrecord", "body", "bytes"),
            )
        )
        autodiscover_modules("events")
