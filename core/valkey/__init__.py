"""The Valkey client, and what is stored there (the cache, the fences of keys). The source of truth is PostgreSQL."""
