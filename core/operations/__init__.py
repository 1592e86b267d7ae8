"""Tools for operators: probes, metrics, logs, sessions, and the steps after a restore."""
