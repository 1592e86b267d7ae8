"""Background work: threads, Celery tasks, retries, and the handling of rows that fail."""
