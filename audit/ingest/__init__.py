"""The request log's way from a web process to PostgreSQL: buffer → Valkey stream → batch insert (docs/architecture.md, Audit)."""
