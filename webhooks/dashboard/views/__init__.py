"""The webhook pages of the dashboard."""
