"""The OpenAPI document: committed as it is generated, complete for every operation, and served with its viewers."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from drf_spectacular.validation import validate_schema

from core.api import document
from core.api.scopes import ANY_KEY
from tests.contracts.operations import WRITES, list_operations, sample_id
from tests.engines import ROOT
from tests.factories import World

DOCUMENT = json.loads(document.current())
OPERATIONS = {
    (method.upper(), path): operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
PIPELINE_REFUSALS = {"400", "401", "403", "404", "406", "429", "500", "503"}
WRITE_REFUSALS = {"409", "413", "415", "422"}


def resolve(node: Any) -> Any:
    """Follow a reference inside the document."""
    while "$ref" in node:
        target = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def test_the_committed_document_is_what_the_endpoints_say_and_nothing_was_guessed() -> None:
    # The committed one describes Pomelo alone: without the app that this suite installs.
    checked = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "manage.py"), "generate_openapi", "--check"],
        env={**os.environ, "EXTENSIONS": "", "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_extensions_are_not_part_of_the_committed_document() -> None:
    with pytest.raises(CommandError, match="without EXTENSIONS"):
        call_command("generate_openapi", check=True)
    assert "/v1/bookings" in DOCUMENT["paths"]
    assert "/v1/bookings" not in json.loads(document.PATH.read_bytes())["paths"]


def test_outdated_document_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any
) -> None:
    settings.EXTENSIONS = []
    stale = tmp_path / "openapi.json"
    stale.write_bytes(b"{}")
    monkeypatch.setattr(document, "PATH", stale)
    with pytest.raises(CommandError, match=r"openapi\.json is stale: run `make docs`"):
        call_command("generate_openapi", check=True)


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    validate_schema(DOCUMENT)


def test_the_document_describes_exactly_the_servers_operations() -> None:
    served = {
        (operation.method, operation.path("{id}").replace("<", "{").replace(">", "}"))
        for operation in list_operations()
        if operation.view.schema is not None  # type: ignore[attr-defined]
    }
    assert {(method, path.replace("{public_id}", "{id}")) for method, path in OPERATIONS} == served


def test_every_tag_is_described_and_used() -> None:
    used = {tag for operation in OPERATIONS.values() for tag in operation["tags"]} | {"webhooks"}
    assert {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]} == used


def test_operation_ids_are_unique_snake_case_names() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalnum() and name == name.lower() for name in names)


@pytest.mark.parametrize("found", list_operations(), ids=lambda operation: operation.name)
def test_each_operation_is_fully_documented(found: Any) -> None:
    operation = OPERATIONS[(found.method, found.path("{id}"))]

    assert operation["summary"]
    assert operation["tags"] == [found.resource]
    assert operation["x-required-scopes"] == ([] if found.scopes == (ANY_KEY,) else list(found.scopes))
    needed = operation["x-required-scopes"]
    assert operation["security"] == [
        {scheme: [scope] if scope else []} for scheme in ("bearer", "basic") for scope in needed or [""]
    ]
    documented = set(operation["responses"])
    assert documented >= PIPELINE_REFUSALS
    parameters = {resolve(parameter)["name"] for parameter in operation.get("parameters", [])}
    assert ("Idempotency-Key" in parameters) == (found.method in WRITES)
    if found.method in WRITES:
        assert documented >= WRITE_REFUSALS
    assert any(status.startswith("2") for status in documented)
    for status, response in operation["responses"].items():
        headers = resolve(response)["headers"]
        assert {"X-Request-Id", "RateLimit-Policy", "RateLimit", "X-RateLimit-Limit"} <= set(headers), status
        if status.startswith("2") and found.method in WRITES:
            assert "Idempotency-Replayed" in headers
        if status == "304":
            assert "content" not in response
        elif not status.startswith("2"):
            assert list(resolve(response)["content"]) == ["application/problem+json"]
            examples = resolve(response)["content"]["application/problem+json"]["examples"]
            for code, example in examples.items():
                assert example["value"]["error"]["code"] == code
                assert str(example["value"]["status"]) == status


@pytest.mark.parametrize(
    "found", [found for found in list_operations() if found.parameters], ids=lambda operation: operation.name
)
def test_path_parameters_name_the_objects_they_take(found: Any, world: World) -> None:
    (parameter,) = [
        p for p in OPERATIONS[(found.method, found.path("{id}"))]["parameters"] if p.get("in") == "path"
    ]
    pattern = parameter["schema"]["pattern"]

    assert re.search(pattern, sample_id(found, world.tenant("live")))
    assert not re.search(pattern, "co_01h455vb4pex5vsknk084sn02q")


def test_the_document_is_public_cacheable_and_names_this_installation(
    settings: Any,
) -> None:
    settings.PUBLIC_URL = "https://pomelo.acme.example"
    expected = {
        **DOCUMENT,
        "servers": [{"url": "https://pomelo.acme.example"}],
        "info": {
            **DOCUMENT["info"],
            "contact": {"name": "API support", "url": "https://pomelo.acme.example/docs/"},
        },
    }

    answer = Client().get("/v1/openapi.json")
    again = Client().get("/v1/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == expected
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["X-Request-Id"].startswith("req_")
    assert (again.status_code, again.content) == (304, b"")


def test_the_document_is_read_only_and_requires_https(settings: Any) -> None:
    refused = Client().post("/v1/openapi.json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (405, "method_not_allowed")
    settings.REQUIRE_HTTPS = True
    plain = Client().get("/v1/openapi.json")
    assert (plain.status_code, plain.json()["error"]["code"]) == (403, "https_required")


@pytest.mark.parametrize(
    ("path", "script", "exceptions"),
    [
        ("/docs/api/", "swagger-ui-bundle.js", {"style-src", "img-src", "font-src"}),
        ("/docs/api/redoc/", "redoc.standalone.js", {"style-src", "img-src", "font-src", "worker-src"}),
    ],
)
def test_the_viewers_load_everything_from_this_server(path: str, script: str, exceptions: Any) -> None:
    answer = Client().get(path)
    page = answer.content.decode()
    policy = dict(
        part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";")
    )
    ordinary = dict(
        part.strip().partition(" ")[::2]
        for part in Client().get("/accounts/login/").headers["Content-Security-Policy"].split(";")
    )

    assert answer.status_code == 200
    assert script in page
    assert "http://" not in page
    assert "https://" not in page
    assert policy["script-src"] == "'self'"
    assert {name for name in policy if policy[name] != ordinary.get(name)} == exceptions
