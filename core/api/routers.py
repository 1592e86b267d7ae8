"""DRF's router for paths as this API writes them: `customers/{id}`, without a slash at the end."""

from rest_framework.routers import SimpleRouter


class Router(SimpleRouter):
    """Routes by Django's path converters, which the OpenAPI document and the request log can read."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False, use_regex_path=False)
