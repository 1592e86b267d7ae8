"""Rows of every table go through every migration, and back."""
