"""Sealing rows in hash chains, and signing and exporting their heads (docs/architecture.md, Audit)."""
