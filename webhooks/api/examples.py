"""Example values of webhooks in the OpenAPI document, by schema and field, or by field alone (core.api.examples)."""

from core.api.examples import public_id

EXAMPLES = {
    "api_version": "2026-11-01",
    "DeliveryAttempt.number": 1,
    "DeliveryAttempt.object": "delivery_attempt",
    "Delivery.endpoint": public_id("we"),
    "Delivery.event": public_id("evt"),
    "Delivery.event_type": "customer.created",
    "WebhookEndpoint.description": "Orders",
    "WebhookEndpoint.disabled_reason": None,
    "WebhookEndpoint.object": "webhook_endpoint",
    "WebhookEndpointSecret.description": "Orders",
    "WebhookEndpointSecret.disabled_reason": None,
    "WebhookEndpointSecret.object": "webhook_endpoint",
    "EndpointTest.event": "customer.created",
    "Event.type": "customer.created",
    "EventData.object": {"id": public_id("cus"), "object": "customer", "name": "Ada Lovelace"},
    "WebhookRecovery.endpoint": public_id("we"),
    "WebhookRecovery.object": "webhook_recovery",
    "finished_at": None,
    "headers": {},
    "next_attempt_at": None,
    "response_body": "ok",
    "response_headers": {"content-type": "text/plain"},
    "secret": "whsec_…",
    "status_code": 200,
    "url": "https://example.com/webhooks",
}

# Request fields that are left out of examples.
LEFT_OUT = ["api_version", "enabled", "headers", "until"]
