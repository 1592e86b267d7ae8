"""Queries of messaging, by subject."""
