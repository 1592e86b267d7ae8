"""Daily partitions: created in advance, dropped after the retention period."""
