"""The message pages of the dashboard."""
