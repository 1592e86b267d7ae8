"""Exports: rows as CSV or JSON Lines, and a day with its proof. Streamed, with a transaction per chunk."""
