"""What examples of audit show in the OpenAPI document, by schema and field, or by field alone (core.api.examples)."""

from core.api.examples import public_id

EXAMPLES = {
    "Actor.id": public_id("key"),
    "Actor.name": "Web shop",
    "AuditEntry.action": "customer.created",
    "Decision.check": "scope",
    "Decision.detail": "The key has customers:write.",
    "Decision.fix": "",
    "Key.id": public_id("key"),
    "Key.name": "Web shop",
    "RequestLog.status": 201,
    "Target.id": public_id("cus"),
    "Target.type": "customer",
    "duration_ms": 184,
    "ip": "203.0.113.7",
    "method": "POST",
    "path": "/v1/customers",
    "request_bytes": 120,
    "request_id": public_id("req"),
    "response_bytes": 480,
    "route": "/v1/customers",
    "user_agent": "acme-shop/1.4",
}
