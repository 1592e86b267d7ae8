"""Pomelo's CLI for integrators: receive a test key's events on your own machine. Uses only the API, no server code."""

__version__ = "0.1.0"
