"""What an integrator copies from the document is right: every example is valid against its own schema."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from jsonschema import Draft202012Validator

from core.api import document
from core.api.examples import ids_without_example
from core.errors import ERRORS
from tests.contracts.operations import WRITES

DOCUMENT = json.loads(document.current())


def find_bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the content of every JSON body: of requests, and of answers to them."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
            for part, body in bodies.items():
                for media_type, content in body.get("content", {}).items():
                    if "json" in media_type:
                        yield f"{method.upper()} {path} {part}", content
    for name, response in DOCUMENT["components"]["responses"].items():
        yield name, response["content"]["application/problem+json"]


def find_examples(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield place, schema and value of every example that stands inside of a schema."""
    if isinstance(node, dict):
        if isinstance(node.get("examples"), list):
            for value in node["examples"]:
                yield place, node, value
        for name, inner in node.items():
            yield from find_examples(inner, f"{place}/{name}")
    elif isinstance(node, list):
        for inner in node:
            yield from find_examples(inner, place)


def problems_of(schema: dict[str, Any], value: Any) -> list[str]:
    """Return what is wrong with `value`."""
    # The document's components, where each `$ref` leads, come along.
    whole = {"components": DOCUMENT["components"], "allOf": [schema]}
    validator = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


BODIES = dict(find_bodies())


@pytest.mark.parametrize("name", BODIES)
def test_each_body_has_examples_that_are_valid(name: Any) -> None:
    content = BODIES[name]
    values = (
        [content["example"]]
        if "example" in content
        else [each["value"] for each in content["examples"].values()]
    )

    assert values
    assert [problems_of(content["schema"], value) for value in values] == [[]] * len(values)


def test_the_examples_inside_of_schemas_are_valid() -> None:
    found = list(find_examples(DOCUMENT))

    assert len(found) > 50
    assert {
        place: problems_of(schema, value) for place, schema, value in found if problems_of(schema, value)
    } == {}


def test_every_code_that_the_api_answers_is_shown_with_its_status() -> None:
    shown = {
        code: example["value"]["status"]
        for response in DOCUMENT["components"]["responses"].values()
        for code, example in response["content"]["application/problem+json"]["examples"].items()
    }

    assert shown == {code: ERRORS[code].status for code in shown}
    # No operation of the document answers 405.
    pages_only = {code for code, error in ERRORS.items() if error.only_on_pages}
    assert set(shown) == set(ERRORS) - pages_only - {"method_not_allowed"}


def test_every_operation_says_in_words_what_it_does_and_needs() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            scopes = operation["x-required-scopes"]
            # Viewers show a summary as it is, so it has no marks of code.
            assert operation["description"].replace("`", "").startswith(operation["summary"]), path
            assert all(f"`{scope}`" in operation["description"] for scope in scopes), path
            assert all(response.get("description") != "" for response in operation["responses"].values())
            for parameter in operation.get("parameters", []):
                assert "$ref" in parameter or parameter.get("description"), (
                    f"{method.upper()} {path}: {parameter['name']} has no description"
                )
            if method.upper() in WRITES:
                answer = next(each for status, each in operation["responses"].items() if status < "3")
                assert "Idempotency-Replayed" in answer["headers"]


def test_nothing_of_how_it_is_built_is_shown() -> None:
    text = document.current().decode()

    assert "representations" not in text
    assert "x-spec-enum-id" not in text


def test_no_object_is_shown_with_a_made_up_id() -> None:
    assert list(ids_without_example(DOCUMENT)) == []


def test_an_id_without_an_example_is_refused(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.EXTENSIONS = []
    body = {"data": [{"id": "example", "name": "example"}]}
    made_up = json.dumps({"paths": {"/v1/things": {"example": body}}}).encode()
    monkeypatch.setattr(document, "generate", lambda: made_up)
    monkeypatch.setattr("core.management.commands.generate_openapi.validate_schema", lambda _: None)

    with pytest.raises(CommandError, match=r"paths /v1/things example data has no example of its id"):
        call_command("generate_openapi", check=True)
