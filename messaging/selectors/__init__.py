"""Reads of messaging, by subject."""
