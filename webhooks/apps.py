from core.resources import MenuEntry, PomeloApp, Resource, Scope


class WebhooksConfig(PomeloApp):
    """Webhook endpoints and the signed delivery of events to them."""

    name = "webhooks"
    api_urls = "webhooks.api.urls"
    examples = "webhooks.api.examples"
    page_urls = "webhooks.dashboard.urls"
    page_prefix = "webhooks/"
    resources = (
        Resource(
            name="webhook_endpoints",
            object="webhook_endpoint",
            prefix="we",
            reference="endpoint",
            description="Your URLs that signed events are sent to.",
            label="Webhooks",
            read_scope="webhooks:read",
        ),
        Resource(name="recoveries", object="webhook_recovery", prefix="wrec"),
        Resource(
            name="deliveries",
            object="delivery",
            prefix="dlv",
            description="Every event sent to an endpoint, attempt by attempt.",
            are_pruned=True,
        ),
        Resource(name="attempts", object="delivery_attempt", prefix="att"),
        Resource(
            name="events",
            object="event",
            prefix="evt",
            description="What happened, whether or not it was sent to an endpoint.",
            are_pruned=True,
        ),
    )
    scopes = (
        Scope("webhooks:read", "Webhooks", "List endpoints and deliveries"),
        Scope("webhooks:write", "Webhooks", "Change endpoints, resend deliveries", writes=True),
        Scope("events:read", "Events", "List events"),
    )
    finders = ("webhooks.finding.find",)
    namers = ("webhooks.finding.name",)
    traces = ("webhooks.services.traces.Endpoints",)
    audit_labels = {"webhook_delivery": "Webhook deliveries"}
    menu = (MenuEntry("developers", "Webhooks", "/webhooks/", "webhook", 30),)

    def ready(self) -> None:
        """Register the monitor for unrelayed events, and the step that relays events after a restore."""
        from core.background.watch import WATCHES
        from core.operations.restoring import STEPS
        from core.security.rotation import ENCRYPTED_COLUMNS, EncryptedColumn
        from webhooks.delivery.metrics import read_oldest_event
        from webhooks.relay import relay_after_restore

        WATCHES["events"] = read_oldest_event
        ENCRYPTED_COLUMNS.extend(
            (
                EncryptedColumn("webhooks_endpointsecret", "secret", "bytes"),
                EncryptedColumn("webhooks_endpoint", "headers", "bytes"),
            )
        )
        STEPS["events"] = relay_after_restore
