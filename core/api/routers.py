"""A DRF router for this API's style of paths: `customers/{id}`, without a trailing slash."""

from rest_framework.routers import SimpleRouter


class Router(SimpleRouter):
    """Uses Django's path converters, which the OpenAPI document and the request log can read."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False, use_regex_path=False)
