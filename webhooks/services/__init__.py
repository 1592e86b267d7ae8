"""Writes of webhooks. Each function is one change, with its event, in the caller's tenant transaction."""
