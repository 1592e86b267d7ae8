"""Pomelo's command for integrators: events of a test key on your own machine. Uses the API, and nothing of the server."""

__version__ = "0.1.0"
