"""`make run`: the whole platform in the foreground of one machine (DESIGN §16)."""
