"""Whole examples of requests and answers for the OpenAPI document, put together from the schemas themselves.

So an example never shows a field that is gone, nor leaves out one that is required; a test validates each against its schema.
"""

import re
from typing import Any

Json = dict[str, Any]

_SUFFIX = "01kq3v0c8kf1evq0z7g3x2m9ta"
_MOMENT = "2026-01-31T12:00:00.000000Z"
# The prefix of an object's `id`, by the name of its schema.
_PREFIXES = {
    "Attempt": "att",
    "AuditEntry": "aud",
    "Charge": "ch",
    "Customer": "cus",
    "Delivery": "dlv",
    "Endpoint": "we",
    "EndpointSecret": "we",
    "Event": "evt",
    "Invoice": "in",
    "Key": "key",
    "Line": "il",
    "Message": "msg",
    "MessageSummary": "msg",
    "Recovery": "wrec",
    "Refund": "re",
    "RequestLog": "req",
    "Suppression": "sup",
    "WhoAmICompany": "co",
}
# `object` of those whose schema is called otherwise.
_OBJECTS = {
    "Analytics": "message_analytics",
    "Attempt": "delivery_attempt",
    "Endpoint": "webhook_endpoint",
    "EndpointSecret": "webhook_endpoint",
    "MessageSummary": "message",
    "Recovery": "webhook_recovery",
    "WhoAmI": "whoami",
}
# Values by the name of a field, or of schema and field where one name means two things.
_VALUES: Json = {
    "Analytics.from": _MOMENT,
    "Analytics.to": _MOMENT,
    "Attempt.number": 1,
    "Endpoint.disabled_reason": None,
    "EndpointSecret.disabled_reason": None,
    "Invoice.amount_due": 4998,
    "Invoice.subtotal": 4200,
    "Invoice.tax": 798,
    "Invoice.total": 4998,
    "Line.tax": 798,
    "Recipient.error": None,
    "SmsMessageInput.to": ["+4915112345678"],
    "EmailSuppressionInput.address": "bob@example.com",
    "SmsSuppressionInput.address": "+4915112345678",
    "Customer.email": "ada@example.com",
    "Customer.phone": "+493012345678",
    "Customer.external_id": "crm-4711",
    "CustomerInput.email": "ada@example.com",
    "CustomerInput.phone": "+493012345678",
    "CustomerInput.external_id": "crm-4711",
    "PatchedCustomerInput.email": "ada@example.com",
    "PatchedCustomerInput.phone": "+493012345678",
    "PatchedCustomerInput.external_id": "crm-4711",
    "InvoiceInput.external_id": "order-4711",
    "PatchedInvoiceInput.external_id": "order-4711",
    "Message.subject": "Your invoice",
    "Message.text": "Dear Ada, thank you for your order.",
    "MessageSummary.subject": "Your invoice",
    "MessageSummary.to": ["ada@example.com"],
    "WhoAmILimits.company": 300,
    "WhoAmILimits.key": 60,
    "WhoAmILimits.messages": 60,
    "bcc": [],
    "cc": [],
    "discount_amount": 0,
    "duration_ms": 184,
    "html": "<p>Dear Ada, thank you for your order.</p>",
    "note": "Asked for it by phone",
    "reply_to": [],
    "request_bytes": 120,
    "response_bytes": 480,
    "response_headers": {"content-type": "text/plain"},
    "EmailMessageInput.tags": ["welcome"],
    "Message.tags": ["welcome"],
    "MessageSummary.tags": ["welcome"],
    "SmsMessageInput.tags": ["welcome"],
    "Actor.id": f"key_{_SUFFIX}",
    "Actor.name": "Web shop",
    "AuditEntry.action": "customer.created",
    "Channel.channel": "email",
    "Charge.amount_refunded": 0,
    "Charge.customer": f"cus_{_SUFFIX}",
    "Decision.check": "scope",
    "Decision.detail": "The key has customers:write.",
    "Decision.fix": "",
    "Message.html": None,
    "Delivery.endpoint": f"we_{_SUFFIX}",
    "Delivery.event": f"evt_{_SUFFIX}",
    "Delivery.event_type": "customer.created",
    "Event.type": "customer.created",
    "EventData.object": {"id": f"cus_{_SUFFIX}", "object": "customer", "name": "Ada Lovelace"},
    "Endpoint.description": "Orders",
    "EndpointSecret.description": "Orders",
    "EndpointInput.description": "Orders",
    "PatchedEndpointInput.description": "Orders",
    "Invoice.customer": f"cus_{_SUFFIX}",
    "Key.name": "Web shop",
    "Message.customer": f"cus_{_SUFFIX}",
    "MessageSummary.customer": f"cus_{_SUFFIX}",
    "Recipient.to": "ada@example.com",
    "Recovery.endpoint": f"we_{_SUFFIX}",
    "Refund.charge": f"ch_{_SUFFIX}",
    "RequestLog.status": 201,
    "Suppression.address": "bob@example.com",
    "Tag.tag": "welcome",
    "Target.id": f"cus_{_SUFFIX}",
    "Target.type": "customer",
    "WhoAmICompany.name": "Acme",
    "WhoAmIKey.name": "Web shop",
    "WhoAmIKey.expires": None,
    "address": None,
    "finished_at": None,
    "from": "Acme <news@acme.example>",
    "has_more": False,
    "headers": {},
    "ip": "203.0.113.7",
    "method": "POST",
    "next_attempt_at": None,
    "path": "/v1/customers",
    "request_id": f"req_{_SUFFIX}",
    "response_body": "ok",
    "route": "/v1/customers",
    "secret": "whsec_…",
    "status_code": 200,
    "tag": None,
    "url": "https://example.com/webhooks",
    "user_agent": "acme-shop/1.4",
}
# Fields of a request that its example does without, required ones aside.
_LEFT_OUT = frozenset(
    {
        "address",
        "bcc",
        "cc",
        "due_date",
        "enabled",
        "from",
        "full",
        "headers",
        "invoice",
        "reply_to",
        "send_at",
        "until",
    }
)


def add_examples(result: Json, generator: Any, request: Any, public: bool) -> Json:
    """Post-processing hook: add an example to every JSON body of requests, and of the answers of success."""
    for methods in result["paths"].values():
        for operation in methods.values():
            bodies = [(operation.get("requestBody", {}), True)]
            bodies += [
                (response, False) for status, response in operation["responses"].items() if status < "3"
            ]
            for body, is_request in bodies:
                for media_type, content in body.get("content", {}).items():
                    if media_type == "application/json":
                        _Builder(result, is_request=is_request).describe(content)
    return result


class _Builder:
    """Builds the examples of one body."""

    def __init__(self, document: Json, *, is_request: bool) -> None:
        self._schemas: Json = document["components"]["schemas"]
        self._is_request = is_request

    def describe(self, content: Json) -> None:
        """Add one example to `content`, or one for each variant, named after it."""
        schema = content["schema"]
        whole = self._schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        if "discriminator" in whole:
            content["examples"] = {
                name: {"value": self.build({"$ref": target})}
                for name, target in whole["discriminator"]["mapping"].items()
            }
        else:
            content["example"] = self.build(schema)

    def build(self, schema: Json, owner: str = "", name: str = "") -> Any:
        """Return an example of `schema`, which is that of the field `name` of the schema `owner`."""
        if "$ref" in schema:
            owner = schema["$ref"].rpartition("/")[2]
            return self.build(self._schemas[owner], owner)
        for known in (f"{owner}.{name}", name):
            if known in _VALUES and not (self._is_request and known == name and "examples" in schema):
                return _VALUES[known]
        if "examples" in schema:
            return schema["examples"][0]
        if "enum" in schema:
            return schema["enum"][0]
        if "oneOf" in schema:
            return self.build(schema["oneOf"][0], owner, name)
        kinds = schema.get("type", "object")
        if "null" in kinds and not self._is_request:
            return None
        kind = kinds if isinstance(kinds, str) else kinds[0]
        if kind == "object":
            return self._build_object(schema, owner)
        if kind == "array":
            return [self.build(schema["items"], owner, name)]
        if kind == "string":
            return _text(schema, owner, name)
        return {"integer": max(0, schema.get("minimum", 0)), "number": 12.5, "boolean": True}[kind]

    def _build_object(self, schema: Json, owner: str) -> Json:
        required = schema.get("required", ())
        return {
            name: self.build(inner, owner, name)
            for name, inner in schema.get("properties", {}).items()
            if name in required or name not in _LEFT_OUT or not self._is_request
        }


def _text(schema: Json, owner: str, name: str) -> str:
    if schema.get("format") == "date-time":
        return _MOMENT
    if schema.get("format") == "date":
        return _MOMENT[:10]
    prefix = re.match(r"\^([a-z]+)_\[0-7]", schema.get("pattern", ""))
    if prefix or (name == "id" and owner in _PREFIXES):
        return f"{prefix[1] if prefix else _PREFIXES[owner]}_{_SUFFIX}"
    if name == "object":
        return _OBJECTS.get(owner) or re.sub(r"(?<!^)(?=[A-Z])", "_", owner).lower()
    return "example"
