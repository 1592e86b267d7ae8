"""What client generators stumble over, kept out of the OpenAPI document: each rule is a mistake that one of them turned into
code that does not compile, or that compiles and is wrong."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from core.api import document, schema_enums

DOCUMENT = json.loads(document.PATH.read_bytes())
SCHEMAS = DOCUMENT["components"]["schemas"]
GENERIC = {"Attempt", "Channel", "Endpoint", "Key", "Line", "Tag", "Target", "Usage"}


def places(node: Any = DOCUMENT, path: str = "#") -> Iterator[Any]:
    """Yield every object of the document with its path."""
    if isinstance(node, dict):
        yield path, node
        for name, inner in node.items():
            yield from places(inner, f"{path}/{name}")
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from places(inner, f"{path}/{index}")


def test_every_whole_number_says_how_large_it_is() -> None:
    unsaid = [path for path, node in places() if "integer" in str(node.get("type")) and "format" not in node]
    assert unsaid == []
    assert SCHEMAS["Invoice"]["properties"]["total"]["format"] == "int64"


def test_links_never_have_a_body() -> None:
    assert [path for path, node in places() if "/links/" in path and "requestBody" in node] == []


def test_schemas_with_properties_combine_no_others() -> None:
    mixed = [
        path for path, node in places() if "properties" in node and {"anyOf", "allOf", "oneOf"} & node.keys()
    ]
    assert [path for path in mixed if not path.endswith("/properties")] == []


def test_nullable_texts_say_so_by_their_type() -> None:
    assert [path for path, node in places() if node.get("maxLength") == 0] == []
    assert SCHEMAS["CustomerInput"]["properties"]["email"]["type"] == ["string", "null"]


def test_clients_send_one_credential() -> None:
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"bearer", "basic"}
    assert all(len(way) == 1 for _, node in places() for way in node.get("security", []))


def test_no_idempotency_key_is_prefilled() -> None:
    parameter = DOCUMENT["components"]["parameters"]["Idempotency-Key"]
    assert not {"example", "examples", "default"} & (parameter.keys() | parameter["schema"].keys())


@pytest.mark.parametrize(
    "name", ["ErrorCode", "Mode", "Currency", "InvoiceStatus", "EventType", "MessageStatus"]
)
def test_values_have_one_name_and_stay_open(name: str) -> None:
    assert len(SCHEMAS[name]["enum"]) > 1
    assert SCHEMAS[name]["description"] == schema_enums.OPEN


def test_no_set_of_values_is_written_out_where_it_is_used() -> None:
    named = {f"#/components/schemas/{name}" for name, schema in SCHEMAS.items() if "enum" in schema}
    written_out = [
        path for path, node in places() if isinstance(node.get("enum"), list) and len(node["enum"]) > 1
    ]
    assert set(written_out) == named


def test_values_that_several_objects_share_need_a_name() -> None:
    field = {"type": "string", "enum": ["red", "green"]}
    two = {name: {"type": "object", "properties": {"colour": dict(field)}} for name in ("Apple", "Pear")}
    with pytest.raises(schema_enums.UnnamedEnum, match="AppleColour, PearColour"):
        schema_enums.add_value_components({"paths": {}, "components": {"schemas": two}})


def test_values_of_one_object_are_named_after_it_and_may_be_null() -> None:
    schemas = {
        "Apple": {"properties": {"colour": {"type": ["string", "null"], "enum": ["red", "green", None]}}}
    }
    schema_enums.add_value_components({"paths": {}, "components": {"schemas": schemas}})

    assert schemas["Apple"]["properties"]["colour"] == {
        "oneOf": [{"$ref": "#/components/schemas/AppleColour"}, {"type": "null"}]
    }
    assert schemas["AppleColour"]["enum"] == ["red", "green"]


def test_every_component_is_used() -> None:
    used = {node["$ref"] for _, node in places() if "$ref" in node}
    used |= {target for _, node in places() for target in node.get("mapping", {}).values()}
    kinds = {"schemas", "responses", "parameters", "headers", "pathItems"}
    defined = {f"#/components/{kind}/{name}" for kind in kinds for name in DOCUMENT["components"][kind]}
    assert defined - used == set()


def test_the_document_names_its_licence_and_a_contact_and_an_absolute_server() -> None:
    assert DOCUMENT["info"]["license"] == {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    assert DOCUMENT["info"]["contact"]["name"] == "API support"
    assert all(server["url"].startswith("http") for server in DOCUMENT["servers"])


def test_request_and_response_components_are_separate() -> None:
    """openapi-generator writes one file of a tag, and code that does not compile of a webhook that is written out in its place."""
    assert all(list(item) == ["$ref"] for item in DOCUMENT["webhooks"].values())
    answered, sent = (
        {tag for item in items.values() for operation in item.values() for tag in operation["tags"]}
        for items in (DOCUMENT["paths"], DOCUMENT["components"]["pathItems"])
    )
    assert sent == {"webhooks"}
    assert not answered & sent
