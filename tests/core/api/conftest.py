"""A live web server for the tests of the pipeline, started when the first of them asks for it."""

from collections.abc import Iterator

import pytest

from tests.live import WebProcess, web_process


@pytest.fixture(scope="package")
def web() -> Iterator[WebProcess]:
    """Granian with two workers, so that concurrent requests really are."""
    with web_process(workers=2, threads=8) as server:
        yield server
