"""The promise, attacked: one file for each class of attack (docs/security.md names them)."""
