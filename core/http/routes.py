"""Route templates as shown in the API document and the request log."""

from functools import lru_cache


@lru_cache(maxsize=1000)
def route_template(route: str) -> str:
    """Return Django's `v1/customers/<str:id>` as `/v1/customers/{id}`."""
    parts = (
        "{" + part[1:-1].rpartition(":")[2] + "}" if part.startswith("<") and part.endswith(">") else part
        for part in route.split("/")
    )
    return "/" + "/".join(parts)
