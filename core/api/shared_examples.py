"""What every list shows in the OpenAPI document, by schema and field, or by field alone (core.api.examples)."""

EXAMPLES = {
    "has_more": False,
    "note": "Asked for it by phone",
}
