"""Requests whose bodies are stored, and helpers to read them."""

from typing import Any

import orjson

from audit.ingest import bodies, buffer
from audit.ingest.body_writer import BodyWriter
from audit.ingest.writer import Writer
from audit.kept import KeptBody
from audit.models import RequestBodies
from core import clock
from core.principal import Mode
from core.tenancy import Tenant, system_context, tenant_context
from core.values import ids
from tests.clients import ApiClient, random_address
from tests.factories import World, make_key


def write_all() -> None:
    """Ship and write every request and body that was recorded."""
    # Room for the bodies, should other tests have filled the stream.
    BodyWriter("test").drain(seconds=30)
    assert buffer.BUFFER.flush()
    assert bodies.BUFFER.flush()
    Writer("test").drain(seconds=30)
    BodyWriter("test").drain(seconds=30)


def row_of(answer: Any, tenant: Tenant) -> RequestBodies | None:
    """Return the row of the request that got `answer`."""
    write_all()
    with tenant_context(tenant):
        return RequestBodies.objects.filter(id=ids.decode("req", answer.headers["X-Request-Id"])).first()


def kept(answer: Any, tenant: Tenant) -> tuple[KeptBody, KeptBody]:
    """Return what was kept of a request and of its response."""
    row = row_of(answer, tenant)
    assert row is not None
    return KeptBody.read(bytes(row.request)), KeptBody.read(bytes(row.response))


def every_plain_text() -> str:
    """Return all bodies of all companies, decrypted."""
    with system_context(reason="test"):
        rows = list(RequestBodies.objects.all())
    return "\n".join(
        KeptBody.read(bytes(token)).text for row in rows for token in (row.request, row.response)
    )


def make_body_row(world: World, **values: Any) -> list[Any]:
    """Return the row of one request's bodies."""
    side = ("application/json", 7, b'{"a":1}', "", ())
    row: dict[str, Any] = {
        "id": ids.encode("req", ids.new_id()),
        "company": world.company.id,
        "mode": "test",
        "at": clock.now().timestamp(),
        "request": side,
        "response": side,
    }
    encoded: list[Any] = orjson.loads(bodies.encode(tuple((row | values).values())))
    return encoded


def client_of(world: World, mode: Mode = "test", *scopes: str, **options: Any) -> ApiClient:
    """Return an integrator's client with a new key."""
    issued = make_key(world.company, scopes or ("customers:write", "customers:read"), mode=mode, **options)
    return ApiClient(issued.client_secret, ip=random_address())
