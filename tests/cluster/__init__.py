"""Pomelo on every server it promises to work with: `make test-cluster` (not part of `make test`; needs servers from elsewhere)."""
