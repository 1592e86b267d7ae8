"""Sealing rows in hash chains, signing the heads, and checking both (docs/architecture.md, Audit)."""
