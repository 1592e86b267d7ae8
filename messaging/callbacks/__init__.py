"""Callbacks of providers: `/callbacks/…`, outside of /v1, each verified by the provider's own signature."""
