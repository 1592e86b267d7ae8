"""Encryption and key rotation, sealed values, the reach of scopes, and cleaning up after a leaked key."""
