"""Kills every part of the platform at random while it works, and counts what was lost (`make chaos`)."""
