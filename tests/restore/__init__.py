"""Backups that are restored: what was on its way when they were made arrives, and what happens afterwards does too."""
