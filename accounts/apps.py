from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to allauth's signals; its models must be loaded first."""
        from accounts.adapters import connect_signals

        connect_signals()
