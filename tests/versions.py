"""A future version of the API, for tests of clients that stay on the first."""

from collections.abc import Iterator
from typing import Any

import pytest

from apikeys import grants
from core.api import versions
from core.api.versioning import ApiVersion, Change
from core.values import api_dates

FIRST, SECOND = "2026-11-01", "2027-02-01"


class Renamed(Change):
    """`name` was `full_name`."""

    bodies = frozenset({"POST /v1/customers", "PATCH /v1/customers/{id}"})
    objects = frozenset({"customer"})

    def upgrade_body(self, body: Any) -> Any:
        if "full_name" in body:
            body = {**body, "name": body["full_name"]}
            del body["full_name"]
        return body

    def downgrade_object(self, found: Any) -> Any:
        return {"full_name" if name == "name" else name: value for name, value in found.items()}


class Second(ApiVersion):
    date = SECOND
    summary = "full_name became name."
    changes = (Renamed(),)


@pytest.fixture
def two_versions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A second API version, with the first one deprecated since then."""
    first = versions.November2026()
    monkeypatch.setattr(versions, "VERSIONS", [first, Second()])
    monkeypatch.setattr(api_dates, "NEWEST", SECOND)
    grants.COPIES.clear()
    yield first
    grants.COPIES.clear()
