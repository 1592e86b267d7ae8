"""Billing's endpoints: each parses, calls one service or selector, and renders."""
