"""The check of docs/openapi.json finds every kind of breaking change, and no other changes."""

import json
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.api import document, versions
from core.api.compatibility import breaking_changes, contract_of
from core.api.schema_enums import OPEN
from core.api.versioning import ApiVersion
from core.management.commands import check_api_changes

DOCUMENT = json.loads(document.PATH.read_bytes())
CUSTOMERS = "/v1/customers"


@pytest.fixture
def changed() -> Any:
    return deepcopy(DOCUMENT)


def found(changed: Any) -> Any:
    return breaking_changes(contract_of(DOCUMENT), changed)


def test_the_same_document_breaks_nothing(changed: Any) -> None:
    assert found(changed) == []


def schema(changed: Any, name: Any) -> Any:
    return changed["components"]["schemas"][name]


def parameters(changed: Any) -> Any:
    return changed["paths"][CUSTOMERS]["get"]["parameters"]


BREAKING = {
    "operation": (
        lambda new: new["paths"][CUSTOMERS].pop("post"),
        "POST /v1/customers: the operation is gone",
    ),
    "path": (lambda new: new["paths"].pop(CUSTOMERS), "GET /v1/customers: the operation is gone"),
    "name of an operation": (
        lambda new: new["paths"][CUSTOMERS]["post"].update(operationId="add_customer"),
        "operationId was create_customer",
    ),
    "scope": (
        lambda new: new["paths"][CUSTOMERS]["get"].update({"x-required-scopes": ["invoices:read"]}),
        "customers:read was enough",
    ),
    "scope where none was": (
        lambda new: new["paths"]["/v1/whoami"]["get"].update({"x-required-scopes": ["events:read"]}),
        "no scope was enough",
    ),
    "parameter": (
        lambda new: parameters(new).remove(next(p for p in parameters(new) if p.get("name") == "email")),
        "query parameter email: it is taken no more",
    ),
    "new required parameter": (
        lambda new: parameters(new).append(
            {"name": "colour", "in": "query", "required": True, "schema": {"type": "string"}}
        ),
        "query parameter colour: it is new and required",
    ),
    "required parameter": (
        lambda new: parameters(new)[0].update(required=True),
        "it is required now",
    ),
    "field of a body": (
        lambda new: schema(new, "CustomerInput")["properties"].pop("email"),
        "CustomerInput (sent).email: it is taken no more",
    ),
    "required field of a body": (
        lambda new: schema(new, "CustomerInput").update(required=["name", "email"]),
        "CustomerInput (sent).email: it is required now",
    ),
    "shorter text": (
        lambda new: schema(new, "CustomerInput")["properties"]["name"].update(maxLength=3),
        "maxLength was 200, is 3",
    ),
    "null taken no more": (
        lambda new: schema(new, "CustomerInput")["properties"]["email"].update(type="string"),
        "CustomerInput (sent).email: its type was null, string, is string",
    ),
    "field of an answer": (
        lambda new: schema(new, "Customer")["properties"].pop("email"),
        "Customer (answered).email: it is gone",
    ),
    "field that may be missing": (
        lambda new: schema(new, "Customer")["required"].remove("name"),
        "Customer (answered).name: it may be left out now",
    ),
    "null answered": (
        lambda new: schema(new, "Customer")["properties"]["name"].update(type=["string", "null"]),
        "Customer (answered).name: its type was string, is null, string",
    ),
    "format": (
        lambda new: schema(new, "Invoice")["properties"]["total"].update(format="double"),
        "total: its format was int64, is double",
    ),
    "schema": (
        lambda new: (
            new["components"]["schemas"].update(Client=schema(new, "Customer"))
            or new["components"]["schemas"].pop("InvoiceLine")
        ),
        "schema InvoiceLine: it is gone",
    ),
    "media type": (
        lambda new: new["paths"]["/v1/invoices/{id}/pdf"]["get"]["responses"]["200"]["content"].pop(
            "application/pdf"
        ),
        "application/pdf is gone",
    ),
    "header": (
        lambda new: new["paths"][CUSTOMERS]["get"]["responses"]["200"]["headers"].pop("RateLimit"),
        "the header RateLimit is gone",
    ),
    "status": (
        lambda new: new["paths"][CUSTOMERS]["post"]["responses"].pop("201"),
        "201 is answered no more",
    ),
    "webhook": (
        lambda new: new["webhooks"].pop("customer.created"),
        "webhook customer.created: it is sent no more",
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_breaking_changes_are_detected(name: Any, changed: Any) -> None:
    change, expected = BREAKING[name]
    if name == "schema":
        # Whatever refers to it would be broken in the document itself.
        changed["components"]["schemas"]["Line"] = schema(changed, "InvoiceLine")
        text = json.dumps(changed).replace('#/components/schemas/InvoiceLine"', '#/components/schemas/Line"')
        changed = json.loads(text)
    change(changed)

    assert any(expected in line for line in found(changed)), found(changed)


HARMLESS = {
    "operation": lambda new: new["paths"].update({"/v1/quotes": {"get": {"responses": {}}}}),
    "optional parameter": lambda new: parameters(new).append(
        {"name": "colour", "in": "query", "schema": {"type": "string"}}
    ),
    "optional field of a body": lambda new: schema(new, "CustomerInput")["properties"].update(
        colour={"type": "string"}
    ),
    "field of an answer": lambda new: schema(new, "Customer")["properties"].update(colour={"type": "string"}),
    "longer text": lambda new: schema(new, "CustomerInput")["properties"]["name"].update(maxLength=9999),
    "value of an open set": lambda new: schema(new, "Currency").update(
        enum=[*schema(new, "Currency")["enum"], "XTS"]
    ),
    "another scope that is enough": lambda new: new["paths"][CUSTOMERS]["get"].update(
        {"x-required-scopes": ["customers:read", "customers:write"]}
    ),
    "words": lambda new: schema(new, "Customer").update(description="Somebody."),
    "webhook": lambda new: new["webhooks"].update({"quote.created": new["webhooks"]["customer.created"]}),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_compatible_changes_pass(name: Any, changed: Any) -> None:
    HARMLESS[name](changed)

    assert found(changed) == []


def test_open_enums_are_taken_from_the_released_document(changed: Any) -> None:
    """Whoever wrote a client for a closed set was not told that more may come: calling it open together with a value is too late."""
    released = deepcopy(DOCUMENT)
    schema(released, "Mode").update(description="A mode.")
    schema(changed, "Mode").update(enum=["live", "test", "trial"], description=OPEN)

    told = breaking_changes(contract_of(released), changed)

    assert [line for line in told if "trial may be answered now" in line] == told != []


def test_breaking_changes_are_listed_in_document_order(changed: Any) -> None:
    path = "/v1/customers/{id}"
    for method in ("delete", "patch", "get"):
        changed["paths"][path].pop(method)
    for name in ("InvoiceLine", "Customer", "Charge"):
        changed["components"]["schemas"].pop(name)

    told = breaking_changes(contract_of(DOCUMENT), {**changed, "paths": {}, "webhooks": {}})

    order = [line for line in told if path in line]
    assert [line.split()[0] for line in order] == [
        method.upper() for method in DOCUMENT["paths"][path] if method in ("get", "patch", "delete")
    ]
    schemas = [line.split()[1].rstrip(":") for line in told if line.startswith("schema ")]
    assert schemas == [name for name in DOCUMENT["components"]["schemas"] if name in schemas]
    assert len(schemas) == 3


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: Any) -> None:
    """A document that lacks an operation of what was released."""
    released, current = tmp_path / "released", tmp_path / "openapi.json"
    released.mkdir()
    (released / f"{versions.newest().date}.json").write_text(json.dumps(contract_of(DOCUMENT)))
    del changed["paths"][CUSTOMERS]["post"]
    current.write_text(json.dumps(changed))
    monkeypatch.setattr(check_api_changes, "RELEASED", released)
    monkeypatch.setattr(document, "PATH", current)


def test_the_gate_fails_on_a_breaking_change(broken: None) -> None:
    with pytest.raises(CommandError, match="POST /v1/customers: the operation is gone"):
        call_command("check_api_changes")


def test_breaking_change_with_a_new_version_passes(broken: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(ApiVersion):
        date = "2030-01-01"

    monkeypatch.setattr(versions, "VERSIONS", [*versions.VERSIONS, Later()])
    output = StringIO()

    call_command("check_api_changes", stdout=output)

    assert "POST /v1/customers: the operation is gone" in output.getvalue()


def test_every_version_is_in_the_changelog() -> None:
    page = (document.PATH.parent / "api-changelog.md").read_text()
    assert [each.date for each in versions.VERSIONS if f"\n## {each.date}\n" not in page] == []
