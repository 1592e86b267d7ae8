from django.apps import AppConfig


class ApiKeysConfig(AppConfig):
    name = "apikeys"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Answer django-cors-headers' question for the API."""
        from apikeys import cors  # noqa: F401
