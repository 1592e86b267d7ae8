"""Sealing rows in hash chains, signing the heads, and checking both (DESIGN §13)."""
