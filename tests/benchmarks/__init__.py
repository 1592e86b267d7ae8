"""Benchmarks against plain alternatives, as ratios from the same run (`make bench`)."""
