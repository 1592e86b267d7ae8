"""Billing's documents."""
