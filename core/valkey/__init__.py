"""Valkey: the one way to it, and what lies in it (the cache, the fences of keys). The truth is in PostgreSQL."""
