"""Webhooks' endpoints under /v1: each parses, calls one service or selector, and renders."""
