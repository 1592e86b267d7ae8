"""Restoring backups: pending work is completed, and new work continues."""
