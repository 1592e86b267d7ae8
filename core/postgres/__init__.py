"""Django's PostgreSQL backend, extended to apply the request's tenant to each transaction."""
