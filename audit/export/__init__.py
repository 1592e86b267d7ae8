"""Exports: rows as CSV or JSON Lines, and a day with its proof. Streamed, each chunk in a transaction of its own."""
