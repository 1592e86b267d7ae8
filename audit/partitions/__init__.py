"""Day partitions: made ahead, dropped after the retention."""
