"""Example values of audit in the OpenAPI document, by schema and field, or by field alone (core.api.examples)."""

from core.api.examples import public_id

EXAMPLES = {
    "AuditActor.id": public_id("key"),
    "AuditActor.name": "Web shop",
    "AuditEntry.action": "customer.created",
    "RequestDecision.check": "scope",
    "RequestDecision.detail": "The key has customers:write.",
    "RequestDecision.fix": "",
    "ApiKeyReference.id": public_id("key"),
    "ApiKeyReference.name": "Web shop",
    "RequestLog.status": 201,
    "AuditTarget.id": public_id("cus"),
    "AuditTarget.type": "customer",
    "client_request_id": "order-4711",
    "duration_ms": 184,
    "ip": "203.0.113.7",
    "method": "POST",
    "path": "/v1/customers",
    "request_bytes": 120,
    "request_id": public_id("req"),
    "response_bytes": 480,
    "route": "/v1/customers",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "user_agent": "acme-shop/1.4",
}
