"""Outage drills: take away one dependency at a time under traffic, and count what callers see."""
