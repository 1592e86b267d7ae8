"""Where gateways report to: `/callbacks/…`, outside of /v1, each with the gateway's own signature."""
