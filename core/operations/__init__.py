"""What operators ask of a running Pomelo: probes, metrics, logs, and the steps after a restore."""
