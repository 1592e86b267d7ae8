"""Backups and restores with PostgreSQL's own programs: `manage.py backup`, `manage.py restore` (docs/runbooks/backup-and-restore.md)."""
