"""Figures of the platform against plain alternatives, in ratios from the same run (`make bench`)."""
