"""The delivery engine: claim by lease, send many at a time outside any transaction, record (docs/architecture.md, Webhooks)."""
