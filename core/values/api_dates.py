"""The first and the newest API version, for stored data that records the version it was written in (docs/versions.md)."""

# The version of rows stored before their table recorded one. It never changes.
FIRST = "2026-11-01"
# The last of `core.api.versions.VERSIONS`, which this layer cannot import.
NEWEST = "2026-11-01"
