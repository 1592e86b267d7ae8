"""Parses the `--fields` of a new resource: `name:text`, `sku:text:unique`, `supplier:customers?`."""

import keyword
import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from django.apps import apps

from config.scaffold.fields import KINDS, ResourceField, Target
from core.resources import RESOURCES
from core.tenancy import TenantModel

_SPEC = re.compile(r"(?P<name>[^:?]+):(?P<kind>[^:?]+)(?P<unique>:unique)?(?P<optional>\?)?")
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST_NAME = 30
# Fields of every object, parameters of every list, and names used by Django or the services.
RESERVED = frozenset(
    [
        "id",
        "object",
        "mode",
        "company",
        "created",
        "updated",
        "deleted_at",
        "pk",
        "public_id",
        "tenant",
        "objects",
        "actor",
        "fields",
        "data",
        "limit",
        "starting_after",
        "created_after",
        "created_before",
        "id_prefix",
        "save",
        "delete",
        "clean",
        "full_clean",
        "refresh_from_db",
    ]
)


class InvalidField(ValueError):
    """A field specification is invalid. The message says why and how to fix it."""


def parse_fields(specs: Sequence[str], *, resource: str) -> list[ResourceField]:
    """Parse field specifications. Raises InvalidField, which names the invalid one."""
    if not specs:
        raise InvalidField("Specify at least one field, such as name:text.")
    found: list[ResourceField] = []
    for spec in specs:
        field = _parse(spec, resource)
        if any(field.name == other.name for other in found):
            raise InvalidField(f"{spec}: there are two fields named {field.name}.")
        found.append(field)
    if all(field.is_optional or field.is_metadata for field in found):
        raise InvalidField("At least one field must be required: remove its ?.")
    return found


def _parse(spec: str, resource: str) -> ResourceField:
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise InvalidField(
            f"{spec!r} is not a valid field: write name:type or name:type:unique, followed by ? if it is optional."
        )
    name, kind = match["name"], match["kind"]
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise InvalidField(
            f"{spec}: {name!r} is not a valid field name: use lowercase words joined by _, at most {LONGEST_NAME} characters."
        )
    if name in RESERVED or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise InvalidField(f"{spec}: {name} is reserved by Python or Pomelo. Choose another name.")
    unique, optional = match["unique"] is not None, match["optional"] is not None
    if kind in KINDS:
        if unique and not KINDS[kind].can_be_unique:
            raise InvalidField(f"{spec}: a {kind} field cannot be unique.")
        return ResourceField(name, KINDS[kind], unique, optional)
    if kind == resource:
        raise InvalidField(
            f"{spec}: {resource} do not exist yet, so a field cannot refer to them. Add it afterwards."
        )
    target = _find_target(kind)
    if target is None:
        raise InvalidField(
            f"{spec}: there is no type {kind}. Use {', '.join(KINDS)} or, for a reference, one of "
            f"{', '.join(sorted(list_targets()))}."
        )
    if unique:
        raise InvalidField(f"{spec}: a reference cannot be unique.")
    return ResourceField(name, None, unique, optional, target)


def _models() -> dict[str, Any]:
    return {
        model.id_prefix: model
        for model in apps.get_models()
        if issubclass(model, TenantModel) and model.id_prefix
    }


def list_targets() -> list[str]:
    """Return the collections that a field can reference: those with a path and a table that are not pruned."""
    models = _models()
    return [
        name
        for name, found in RESOURCES.items()
        if found.description and found.prefix in models and not found.are_pruned
    ]


def _find_target(collection: str) -> Target | None:
    if collection not in list_targets():
        return None
    resource = RESOURCES[collection]
    model = _models()[resource.prefix]
    package = apps.get_app_config(model._meta.app_label).name
    finder = f"get_{resource.object}"
    module = f"{package}.selectors"
    has_finder = find_spec(module) is not None and hasattr(__import__(module, fromlist=[finder]), finder)
    return Target(
        collection, resource.object, resource.prefix, model._meta.label, package, finder if has_finder else ""
    )
