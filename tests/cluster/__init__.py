"""Tests on every supported server: `make test-cluster` (not part of `make test`, needs additional servers)."""
