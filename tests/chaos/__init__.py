"""Chaos tests: kill random parts of a running platform and count what was lost (`make chaos`)."""
