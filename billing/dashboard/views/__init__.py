"""Pages of customers, invoices and charges: each parses, calls one service or selector, and renders."""
