"""Renders the files of a new app from the templates in `app/`."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.template import Context, Engine
from inflection import camelize

from config.scaffold.fields import OWN_FIELDS, ResourceField

TEMPLATES = Path(__file__).with_name("app")
# The files of the app's package; each has a template in `app/`. Page templates and tests follow in render_files.
APP_FILES = (
    "apps.py",
    "models.py",
    "selectors.py",
    "services.py",
    "events.py",
    "representations.py",
    "admin.py",
    "api/serializers.py",
    "api/examples.py",
    "api/filters.py",
    "api/views.py",
    "api/urls.py",
    "dashboard/views.py",
    "dashboard/urls.py",
)
PACKAGES = ("", "api", "dashboard", "migrations")
LONGEST_INDEX_NAME = 30
LONGEST_CONSTRAINT_NAME = 60
COLUMNS = 3


@dataclass(frozen=True, slots=True)
class NewResource:
    """The names of the new app and the fields of its resource."""

    app: str  # the package and the collection: products
    object: str  # product
    prefix: str  # prod
    icon: str
    fields: tuple[ResourceField, ...]

    @property
    def model(self) -> str:
        """The name of the model class: `Product`."""
        name: str = camelize(self.object)
        return name


@dataclass(frozen=True, slots=True)
class Places:
    """The destination folders, and the package of the tests."""

    app: Path
    templates: Path
    tests: Path
    tests_package: str


def render_files(new: NewResource, places: Places) -> dict[Path, str]:
    """Return the contents of all files of the app by path, except its migration."""
    context = _context(new, places)
    found = {places.app / package / "__init__.py": "" for package in PACKAGES}
    found |= {places.app / name: _render(f"{name}.tpl", context) for name in APP_FILES}
    for name in ("list", "detail"):
        page = places.templates / f"{new.object}_{name}.html"
        found[page] = _as_page(_render(f"templates/{name}.html.tpl", context))
    found[places.tests / "__init__.py"] = ""
    found[places.tests / "samples.py"] = _render("tests/samples.py.tpl", context)
    found[places.tests / f"test_{new.app}.py"] = _render("tests/test.py.tpl", context)
    if any(field.is_unique for field in new.fields):
        found[places.tests / "refusals.py"] = _render("tests/refusals.py.tpl", context)
    return found


def _render(name: str, context: dict[str, Any]) -> str:
    source = (TEMPLATES / name).read_text()
    # Remove lines that contain only tags.
    source = re.sub(r"^[ \t]*((?:\{% [^%]+ %\})+)[ \t]*\n", r"\1", source, flags=re.MULTILINE)
    return Engine().from_string(source).render(Context(context, autoescape=False))


def _as_page(text: str) -> str:
    """Return a page template. Its own tags are written with brackets to distinguish them from the scaffold's tags."""
    for ours, theirs in (("[% ", "{% "), (" %]", " %}"), ("[[ ", "{{ "), (" ]]", " }}")):
        text = text.replace(ours, theirs)
    return text


def _names_of(new: NewResource, field: ResourceField) -> dict[str, Any]:
    """Return the names of a field that depend on its app."""
    whole = f"{new.app}_{new.object}_{field.name}"
    return {
        "constraint": _short(whole, LONGEST_CONSTRAINT_NAME),
        "index": _short(f"{new.app}_{new.object}_by_{field.name}", LONGEST_INDEX_NAME),
        "error": f"{new.model}{camelize(field.name)}Taken",
        "code": f"{new.object}_{field.name}_taken",
        "finder": _finder(field),
    }


class _Field:
    """A field in a template context: its own attributes plus its names in the new app."""

    def __init__(self, new: NewResource, field: ResourceField) -> None:
        self._field, self._names = field, _names_of(new, field)

    def __getattr__(self, name: str) -> Any:
        return self._names[name] if name in self._names else getattr(self._field, name)


def _context(new: NewResource, places: Places) -> dict[str, Any]:
    fields = [_Field(new, field) for field in new.fields]
    references = [field for field in fields if field.target]
    uniques = [field for field in fields if field.is_unique]
    texts = [field for field in uniques if field.is_stored_as_text and not field.target]
    title_field = next((field for field in fields if field.is_text and not field.is_optional), None)
    changed = next((field for field in fields if field.varies and not field.is_unique), None)
    changed = changed or next((field for field in fields if field.varies), fields[0])
    fresh = f'{new.object}_fields({{}})["{changed.name}"]' if changed.varies else changed.other
    words, word = new.app.replace("_", " "), new.object.replace("_", " ")
    article = "an" if word[0] in "aeiou" else "a"
    shown = [field for field in fields if field is not title_field and not field.is_metadata]
    raised = [*(["FieldErrors"] if references else []), *(field.error for field in uniques)]
    samples = "".join(field.sample for field in fields if not field.target)
    return {
        "app": new.app,
        "object": new.object,
        "prefix": new.prefix,
        "icon": new.icon,
        "model": new.model,
        "config": camelize(new.app),
        "words": words,
        "word": word,
        "title": words.capitalize(),
        "singular_title": word.capitalize(),
        "a": article.capitalize(),
        "a_lower": article,
        "tests": places.tests_package,
        "fields": fields,
        "references": references,
        "uniques": uniques,
        "moneys": [field for field in fields if field.is_money],
        "metadatas": [field for field in fields if field.is_metadata],
        "integers": [field for field in fields if field.is_number and not field.is_money],
        "filters": [field for field in fields if field.target or field in texts],
        "text_filters": texts,
        "columns": shown[:COLUMNS],
        "title_field": title_field.name if title_field else "public_id",
        "admin_columns": [title_field.name] if title_field else ["id"],
        "searched": [field.name for field in fields if field.is_text],
        "changed": changed,
        "changed_source": fresh.format("tenant") if changed.varies else fresh,
        "changed_source_in_test": fresh.format("world.tenant()") if changed.varies else fresh,
        "raises": f" Raises {', '.join(raised)}." if raised else "",
        "raises_update": f" Raises {', '.join([*raised, 'NotFound'])}.",
        "finder_imports": sorted({_finder_import(field) for field in new.fields if field.target}),
        "own_fields": _own_fields(new),
        "reference_samples": bool(references),
        "uses_tag": "{tag}" in samples,
        "uses_number": "number" in samples,
        "present_index": _short(f"{new.app}_{new.object}_present", LONGEST_INDEX_NAME),
    }


def _own_fields(new: NewResource) -> list[str]:
    """Return the imports of Pomelo's own fields that the serializers use."""
    sources = [source for field in new.fields for source in (field.input_source, field.output_source)]
    names = {"StrictSerializer", *(name for name in OWN_FIELDS if any(name in source for source in sources))}
    return [
        f"from {module} import {', '.join(sorted(name for name in names if OWN_FIELDS[name] == module))}"
        for module in sorted({OWN_FIELDS[name] for name in names})
    ]


def _finder(field: ResourceField) -> str:
    target = field.target
    if target is None:
        return ""
    return target.finder or f"{target.class_name}.by_public_id"


def _finder_import(field: ResourceField) -> str:
    target = field.target
    assert target is not None
    if target.finder:
        return f"from {target.app}.selectors import {target.finder}"
    return f"from {target.app}.models import {target.class_name}"


def _short(name: str, longest: int) -> str:
    """Return `name`, shortened with a hash if it exceeds `longest`."""
    if len(name) <= longest:
        return name
    return f"{name[: longest - 5]}_{hashlib.sha256(name.encode()).hexdigest()[:4]}"


def list_fields(fields: Sequence[ResourceField]) -> str:
    """Return the names of `fields`, separated by commas."""
    return ", ".join(field.name for field in fields)
