"""Attacks on the security guarantees: one file for each class of attack (docs/security.md names them)."""
