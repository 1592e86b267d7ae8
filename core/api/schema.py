"""Describes endpoints for the OpenAPI document. Everything the pipeline adds is derived from the view's classes.

An endpoint declares only what is specific to it, by `@extend_schema(operation_id=…, request=…, responses=…)`. A response
`Output(many=True)` is a page of the list object. Scopes, credentials, Idempotency-Key, filters, headers and error responses
are added here.
"""

from collections.abc import Collection
from typing import Any

from django.utils.encoding import force_str
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from inflection import camelize, singularize
from rest_framework import serializers

from core.api import schema_components as shared
from core.api import schema_refusals, versions
from core.api.deprecation import deprecation_of
from core.api.pagination import DEFAULT_LIMIT, MAX_LIMIT, NEWEST, SORT, sort_values
from core.api.patterns import NO_NUL, NOT_BLANK, NOT_EMPTY
from core.api.permissions import required_scopes
from core.api.preconditions import TAGGED_ACTIONS
from core.api.schema_enums import ENUM_NAME, add_value_components, name_values
from core.api.scopes import ANY_KEY, SCOPES
from core.api.serializers import StrictSerializer
from core.api.throttles import TierThrottle
from core.resources import ID_PREFIXES, list_resources

Json = dict[str, Any]
INT32_MAX = 2**31 - 1
name_values("ListSort", sort_values(()))
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_EXAMPLE_TYPES = {("string", str), ("integer", int), ("object", dict), ("array", list)}


class PagePagination:
    """Describes cursor pagination (`core.api.pagination`) of `collection` to the generator.

    `columns` is what the list is sorted by besides creation time, or None for a list that is not sorted.
    """

    def __init__(self, collection: str, *, columns: Collection[str] | None) -> None:
        self._collection, self._columns = collection, columns

    def get_paginated_response_schema(self, schema: Json) -> Json:
        """Return the list object around an array of objects."""
        return {
            "type": "object",
            "required": ["object", "data", "has_more", "next_cursor"],
            "additionalProperties": False,
            "properties": {
                "object": {"type": "string", "enum": ["list"]},
                "data": schema,
                "has_more": {"type": "boolean", "description": "Whether there are more"},
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "Send it as `starting_after` to get the next page, or as `ending_before` "
                    "after a page requested with that",
                },
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[Json]:
        """Return `limit`, `starting_after`, `ending_before`, and `sort` where the list has it."""
        cursor = shared.id_schema(ID_PREFIXES[self._collection])
        return [
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "description": "The maximum number of objects",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            },
            {
                "name": "starting_after",
                "in": "query",
                "required": False,
                "description": "Only objects after this one: the `next_cursor` of the page before, or any object's `id`",
                "schema": cursor,
            },
            {
                "name": "ending_before",
                "in": "query",
                "required": False,
                "schema": dict(cursor),
            },
            *self._sort(),
        ]

    def _sort(self) -> list[Json]:
        if self._columns is None:
            return []
        schema: Json = {"type": "string", "enum": sort_values(self._columns), "default": NEWEST}
        found: Json = {"name": SORT, "in": "query", "required": False, "schema": schema}
        if self._columns:
            # By the list's own noun, so that an order that is added later renames nothing in generated clients.
            schema[ENUM_NAME] = f"{camelize(singularize(self._collection))}Sort"
            columns = " or ".join(f"`{column}`" for column in self._columns)
            found["description"] = (
                f"The order: `-created`, newest first, `created`, oldest first, or by {columns}, ascending, equal ones "
                "newest first and those without a value last; with a `-` in front, exactly the reverse"
            )
        return [found]


class ApiSchema(AutoSchema):
    """Describes an operation."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> Json | None:
        """Return the operation with everything the pipeline adds to it."""
        operation: Json | None = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None:
            return None
        text = " ".join(operation.get("description", "").split())
        summary = text.partition(". ")[0]
        # Plain text by OpenAPI, unlike the description: the reference would show the marks of code as they are.
        operation["summary"] = summary.rstrip(".").replace("`", "")
        operation["description"] = f"{text}\n\n{self._describe_scopes()}"
        for parameter in operation.get("parameters", []):
            parameter.setdefault("description", shared.PARAMETERS.get(parameter["name"], ""))
        going = deprecation_of(self.view, self.method)
        if going is not None:
            operation["deprecated"] = True
            operation["x-deprecated-since"] = going.since.date().isoformat()
            if going.sunset is not None:
                operation["x-sunset"] = going.sunset.date().isoformat()
            operation["description"] += f"\n\nDeprecated: {going.instead}"
        operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/Pomelo-Version"})
        if "requestBody" in operation:
            # A body is required, unless the serializer explicitly makes it optional.
            optional = getattr(self.get_request_serializer(), "body_is_optional", False)
            operation["requestBody"]["required"] = not optional
        if self.method in WRITES:
            operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/Idempotency-Key"})
        responses = operation["responses"]
        self._add_conditions(operation)
        extra = ("Idempotency-Replayed",) if self.method in WRITES else ()
        for status, response in responses.items():
            if "$ref" in response:
                continue
            response["headers"] = {**response.get("headers", {}), **shared.headers(*extra)}
            response["description"] = force_str(response.get("description") or "") or shared.SUCCESSES[status]
        for code in schema_refusals.ALWAYS + (schema_refusals.ON_WRITES if self.method in WRITES else ()):
            responses.setdefault(str(code), schema_refusals.refusal(code))
        operation["responses"] = dict(sorted(responses.items()))
        return operation

    def _add_conditions(self, operation: Json) -> None:
        """Describe the `ETag` of a single object and the conditional headers that use it."""
        action = getattr(self.view, "action", None)
        if not hasattr(self.view, "retrieve"):
            return
        for status, response in operation["responses"].items():
            if action in TAGGED_ACTIONS and status in ("200", "201", "202"):
                content = response.get("content", {}).get("application/json", {}).get("schema", {})
                if not content.get("$ref", "").endswith("Secret"):
                    response["headers"] = {**response.get("headers", {}), "ETag": shared.header("ETag")}
        if action in ("retrieve", "pdf"):
            name = "If-None-Match"
            operation["responses"]["304"] = {"description": "The object has not changed; there is no body"}
        elif self.method in WRITES and "{id}" in self.path:
            name = "If-Match"
            operation["responses"]["412"] = schema_refusals.refusal(412)
        else:
            return
        operation.setdefault("parameters", []).append({"$ref": f"#/components/parameters/{name}"})

    def get_tags(self) -> list[str]:
        """Group by the first part of the path after /v1."""
        return [self.path.split("/")[2]]

    def get_auth(self) -> list[Json]:
        """Every operation takes a credential as a bearer token or by HTTP Basic, and names the scopes that are enough."""
        required: list[str] = self.get_extensions()["x-required-scopes"]
        return shared.security(required)

    def _required_scopes(self) -> list[str]:
        needed = required_scopes(self.view, self.method)
        return [] if ANY_KEY in needed else list(needed)

    def _describe_scopes(self) -> str:
        names = self._required_scopes()
        return (
            f"Scope: {' or '.join(f'`{name}`' for name in names)}." if names else "Any valid key may call it."
        )

    def get_extensions(self) -> Json:
        """Name the scopes (any one of them is enough) and the rate-limit policies of the operation."""
        policies = [
            throttle.policy
            for throttle in self.view.get_throttles()
            if isinstance(throttle, TierThrottle) and throttle.applies_to(self.method)
        ]
        return {"x-required-scopes": self._required_scopes(), "x-rate-limit-policies": policies}

    def _get_paginator(self) -> PagePagination | None:
        collection = self.path.rpartition("/")[2]
        if collection not in ID_PREFIXES:
            return None
        sortable = SORT in getattr(getattr(self.view, "pagination_class", None), "parameters", ())
        columns: Collection[str] | None = getattr(self.view, "sort_columns", ()) if sortable else None
        return PagePagination(collection, columns=columns)

    def _resolve_path_parameters(self, variables: list[str]) -> list[Json]:
        parameters: list[Json] = super()._resolve_path_parameters(variables)
        segments = self.path.split("/")
        for parameter in parameters:
            collection = segments[segments.index(f"{{{parameter['name']}}}") - 1]
            parameter["schema"] = shared.id_schema(ID_PREFIXES[collection])
        return parameters

    def get_paginated_name(self, serializer_name: str) -> str:
        """Name the list object of `CustomerOutput` `CustomerList`."""
        return serializer_name.removesuffix("Output") + "List"

    def get_serializer_name(self, serializer: serializers.Serializer[Any], direction: Any) -> str:
        """Name `CustomerOutput` `Customer`: integrators see the object, not our class."""
        return serializer.__class__.__name__.removesuffix("Output").removesuffix("Serializer")

    def _insert_field_validators(self, field: Any, schema: Json) -> None:
        super()._insert_field_validators(field, schema)
        if isinstance(field, serializers.CharField) and isinstance(field.root, StrictSerializer):
            _describe_text(field, schema)
        shared.refine(schema, getattr(field, "json_schema", {}))
        example = shared.EXAMPLES.get(field.field_name or "")
        if (str(schema.get("type")), type(example)) in _EXAMPLE_TYPES and not {
            "enum",
            "$ref",
        } & schema.keys():
            schema["examples"] = [example]

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        found = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, StrictSerializer):
            found["additionalProperties"] = False
            if serializer.partial:
                found["minProperties"] = 1
            shared.refine(found, serializer.json_schema)
        return found


def _describe_text(field: serializers.CharField, schema: Json) -> None:
    inner, *blank = schema.get("oneOf", [schema])
    if blank and "enum" not in inner:
        # The generator adds a second schema for the empty value, for which client generators create another type.
        schema.clear()
        schema.update(inner)
    if "string" in schema.get("type", "") and not {"format", "pattern", "enum"} & schema.keys():
        required = NOT_BLANK if field.trim_whitespace else NOT_EMPTY
        schema["pattern"] = NO_NUL if field.allow_blank else required


def add_shared_components(result: Json, generator: Any, request: Any, public: bool) -> Json:
    """Post-processing hook: add the shared components, and say where the document speaks of."""
    components = result.setdefault("components", {})
    components["securitySchemes"] = shared.SECURITY_SCHEMES
    components["headers"] = shared.HEADERS
    components["parameters"] = {
        "Idempotency-Key": shared.IDEMPOTENCY_PARAMETER,
        "Pomelo-Version": shared.version_parameter(),
        **shared.CONDITIONS,
    }
    components["responses"] = schema_refusals.refusals()
    components.setdefault("schemas", {}).update(schema_refusals.problem_schemas())
    _link_created_objects(result)
    _drop_marks(result)
    result["tags"] = _used_tags(result)
    add_value_components(result)
    _set_integer_formats(result)
    result["security"] = shared.SECURITY
    result["info"]["version"] = versions.newest().date
    result["x-scopes"] = {scope.name: scope.description for scope in SCOPES.values()}
    return result


def _used_tags(document: Json) -> list[Json]:
    """Return the tags of the operations, described and ordered as the apps say."""
    used = {
        tag for methods in document["paths"].values() for found in methods.values() for tag in found["tags"]
    }
    sent = {
        tag
        for item in document["components"].get("pathItems", {}).values()
        for found in item.values()
        for tag in found["tags"]
    }
    return [
        {"name": resource.name, "description": resource.description}
        for resource in list_resources()
        if resource.name in used
    ] + [
        {"name": tag, "description": "What is sent to webhook endpoints, by event type."}
        for tag in sorted(sent)
    ]


def _drop_marks(node: Any) -> None:
    """Remove the generator's internal markers."""
    if isinstance(node, dict):
        node.pop("x-spec-enum-id", None)
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            _drop_marks(inner)


def _set_integer_formats(node: Any) -> None:
    """Set a format on every integer: without one, generators assume 32 bits, and amounts are larger."""
    if isinstance(node, dict):
        if node.get("type") in ("integer", ["integer", "null"]):
            small = node.get("maximum", INT32_MAX + 1) <= INT32_MAX
            node["format"] = "int32" if small else "int64"
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            _set_integer_formats(inner)


def _link_created_objects(document: Json) -> None:
    """Say of every created object which operations take its `id` in their path.

    A field of a body can be linked too, but only by an object as `requestBody`, which generators refuse.
    """
    paths: Json = document["paths"]
    for path, methods in paths.items():
        created = methods.get("post", {}).get("responses", {}).get("201")
        prefix = ID_PREFIXES.get(path.rpartition("/")[2])
        if created is None or prefix is None:
            continue
        links: Json = {}
        for other, others in paths.items():
            name = (
                other.removeprefix(f"{path}/{{").partition("}")[0] if other.startswith(f"{path}/{{") else ""
            )
            if name:
                for operation in others.values():
                    links[operation["operationId"]] = {"parameters": {name: "$response.body#/id"}}
        if links:
            created["links"] = {name: {"operationId": name, **link} for name, link in links.items()}
