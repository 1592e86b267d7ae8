"""Pages of customers and invoices: each parses, calls one service or selector, and renders."""
