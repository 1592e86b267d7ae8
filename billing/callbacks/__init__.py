"""Callbacks of gateways: `/callbacks/…`, outside of /v1, each verified by the gateway's own signature."""
