"""A live web server for pipeline tests, and a site with third-party views."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.api import entry
from core.api.operations import mounted_throttles
from tests.core.api.extension_views import SEEN
from tests.live import WebProcess, web_process

FULL = ["customers:read", "customers:write"]


@pytest.fixture(scope="package")
def web() -> Iterator[WebProcess]:
    """Granian with two workers, so that concurrent requests really are."""
    with web_process(workers=2, threads=8, is_forked=True) as server:
        yield server


@pytest.fixture
def extended(settings: Any) -> Iterator[None]:
    """The site with the extensions mounted; what was worked out of its routes is forgotten before and after."""
    settings.ROOT_URLCONF = "tests.core.api.extension_urls"
    forget = (entry._static_routes.clear, mounted_throttles.cache_clear, SEEN.clear)
    for each in forget:
        each()
    yield
    for each in forget:
        each()


@pytest.fixture
def client_of(world: Any, issue_key: Any, api: Any) -> Any:
    """`client_of(name="Ada", scopes=[…])` returns a client with a key of that name."""

    def connect(name: str = "Ada", scopes: list[str] = FULL, **fields: Any) -> Any:
        return api(issue_key(world.company, scopes, name=name, **fields).client_secret)

    return connect
