"""`make run`: the whole platform in the foreground of one machine (docs/architecture.md, Running)."""
