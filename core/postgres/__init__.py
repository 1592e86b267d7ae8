"""Django's PostgreSQL backend, taught to carry the tenant of the request into each transaction."""
