"""Outage drills: each part a platform needs is taken away for a while under traffic, and what callers saw is counted."""
