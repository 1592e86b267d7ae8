"""Where providers report to: `/callbacks/…`, outside of /v1, each with the provider's own signature."""
