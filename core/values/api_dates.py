"""The dates of the first and the newest version of the API, for what is stored with the one it was written in (docs/versions.md)."""

# Of rows that were written before rows of their kind had a version: it never changes.
FIRST = "2026-11-01"
# That of the last of `core.api.versions.VERSIONS`, which this layer cannot see.
NEWEST = "2026-11-01"
