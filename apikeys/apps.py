from core.resources import MenuEntry, PomeloApp, Resource


class ApiKeysConfig(PomeloApp):
    """API keys, the credentials for every other endpoint."""

    name = "apikeys"
    verbose_name = "API keys"
    api_urls = "apikeys.api.urls"
    examples = "apikeys.api.examples"
    page_urls = "apikeys.dashboard.urls"
    resources = (
        Resource(
            name="whoami",
            object="whoami",
            description="What the key you call with is and may do.",
            position=10,
        ),
        # Keys are managed in the dashboard and by commands, never through the API.
        Resource(
            name="keys",
            object="api_key",
            prefix="key",
            reference="key",
            label="API keys",
            # Reveals names, scopes and restrictions of other keys, which auditors need.
            read_scope="audit:read",
            payload="apikeys.api.serializers.ApiKeyOutput",
        ),
    )
    finders = ("apikeys.finding.find",)
    namers = ("apikeys.finding.name",)
    menu = (MenuEntry("developers", "API keys", "/keys/", "key", 10),)

    def ready(self) -> None:
        """Register the system checks, the API's CORS signal handler, and Vault's readiness check."""
        from apikeys import (
            checks,  # noqa: F401
            cors,  # noqa: F401
        )
        from apikeys.rotation import count_peppers
        from apikeys.stores import check_vault
        from core.operations.health import READINESS_CHECKS
        from core.security.rotation import ENCRYPTED_COLUMNS, STEPS, EncryptedColumn

        STEPS["API_KEY_PEPPERS"] = count_peppers
        ENCRYPTED_COLUMNS.append(EncryptedColumn("apikeys_leakreport", "secret", "text"))
        READINESS_CHECKS["vault"] = check_vault
