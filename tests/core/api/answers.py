"""Assertions about responses and their side effects, for the tests of DRF compatibility."""

from typing import Any

from audit.ingest.buffer import BUFFER
from audit.ingest.writer import Writer
from audit.models import RequestLog
from billing.models import Customer
from core.tenancy import tenant_context
from core.values import ids
from tests.clients import ApiAnswer
from tests.contracts.problems import assert_common_headers, assert_problem


def refused(answer: ApiAnswer, status: int, code: str) -> dict[str, Any]:
    """Return the problem that `answer` is."""
    found: dict[str, Any] = assert_problem(
        answer.status, answer.headers, answer.content, expected=(status, code)
    )
    assert_common_headers(answer.headers)
    return found


def names(world: Any) -> list[str]:
    """Return the names of the company's customers."""
    with tenant_context(world.tenant()):
        return sorted(Customer.objects.values_list("name", flat=True))


def logged(world: Any, answer: ApiAnswer) -> RequestLog:
    """Return the line that `answer` has in the request log."""
    assert BUFFER.flush()
    Writer("test").drain(seconds=30)
    with tenant_context(world.tenant()):
        return RequestLog.objects.get(id=ids.decode("req", answer.headers["X-Request-Id"]))
