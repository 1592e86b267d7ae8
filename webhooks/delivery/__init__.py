"""The delivery engine: claim by lease, send concurrently outside any transaction, record (docs/architecture.md, Webhooks)."""
