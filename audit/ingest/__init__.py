"""The request log's pipeline from web processes to PostgreSQL: buffer → Valkey stream → batch insert (docs/architecture.md, Audit)."""
