"""Example values of apikeys in the OpenAPI document, by schema and field, or by field alone (core.api.examples)."""

from core.api.examples import public_id

EXAMPLES = {
    "WhoAmI.object": "whoami",
    "WhoAmICompany.id": public_id("co"),
    "WhoAmICompany.name": "Acme",
    "WhoAmIKey.expires_at": None,
    "WhoAmIKey.api_version": "2026-11-01",
    "WhoAmIKey.name": "Web shop",
    "WhoAmILimits.company": 300,
    "WhoAmILimits.key": 60,
    "WhoAmILimits.messages": 60,
}
