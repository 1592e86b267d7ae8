"""Creates, updates and deletes {{ words }}."""

from typing import Any

{% if uniques %}from django.db import IntegrityError, transaction

{% endif %}from {{ app }} import representations
from {{ app }}.events import {{ model }}Created, {{ model }}Deleted, {{ model }}Updated
from {{ app }}.models import {{ model }}
from core import clock
from core.errors import {% if uniques %}DomainError, {% endif %}{% if references %}FieldError, FieldErrors, {% endif %}NotFound
from core.events import publish
{% if uniques %}from core.postgres.failures import broken_constraint
{% endif %}from core.principal import Principal
{% for line in finder_imports %}
{{ line }}
{% endfor %}

{% for field in uniques %}
class {{ field.error }}(DomainError):
    """Another {{ word }} of this company and mode already has this `{{ field.name }}`."""

    code = "{{ field.code }}"
    status = 409
    title = "This {{ field.name }} is taken"
    fix = "Choose another value, or change the {{ word }} that uses this one."


{% endfor %}
{% if uniques %}
_TAKEN: dict[str, type[DomainError]] = {
{% for field in uniques %}
    "{{ field.constraint }}": {{ field.error }},
{% endfor %}
}


{% endif %}
def create_{{ object }}(*, actor: Principal, **fields: Any) -> {{ model }}:
    """Create {{ a_lower }} {{ word }}.{{ raises }}"""
    row = {{ model }}(**{% if references %}_resolve_references(fields){% else %}fields{% endif %})
{% if uniques %}
    try:
        with transaction.atomic():
            {{ model }}.objects.bulk_create([row])
    except IntegrityError as error:
        _raise_if_taken(error)
        raise
{% else %}
    {{ model }}.objects.bulk_create([row])
{% endif %}
    publish({{ model }}Created(object_id=row.public_id, object=representations.{{ object }}(row)), actor=actor)
    return row


def update_{{ object }}(*, {{ object }}: {{ model }}, actor: Principal, **fields: Any) -> {{ model }}:
    """Update the given fields.{{ raises_update }}"""
    row = _lock({{ object }})
    before = representations.{{ object }}(row)
    for name, value in {% if references %}_resolve_references(fields){% else %}fields{% endif %}.items():
        setattr(row, name, value)
    after = representations.{{ object }}(row)
    changes = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    if not changes:
        return row
    row.updated = clock.now()
{% if uniques %}
    try:
        with transaction.atomic():
            row.save(update_fields=[*changes, "updated"])
    except IntegrityError as error:
        _raise_if_taken(error)
        raise
{% else %}
    row.save(update_fields=[*changes, "updated"])
{% endif %}
    publish(
        {{ model }}Updated(object_id=row.public_id, object=representations.{{ object }}(row), changes=changes),
        actor=actor,
    )
    return row


def delete_{{ object }}(*, {{ object }}: {{ model }}, actor: Principal) -> None:
    """Delete {{ a_lower }} {{ word }}. Objects that refer to it are kept. Raises NotFound if it has been deleted meanwhile."""
    row = _lock({{ object }})
    row.deleted_at = row.updated = clock.now()
    row.save(update_fields=["deleted_at", "updated"])
    publish({{ model }}Deleted(object_id=row.public_id, object=representations.{{ object }}(row)), actor=actor)


def _lock(row: {{ model }}) -> {{ model }}:
    """Lock and reload a row until the transaction ends. Raises NotFound if it has been deleted."""
    try:
        locked: {{ model }} = {{ model }}.objects.select_for_update(no_key=True).get(id=row.id, deleted_at=None)
    except {{ model }}.DoesNotExist as error:
        raise NotFound from error
    return locked
{% if uniques %}


def _raise_if_taken(error: IntegrityError) -> None:
    """Raise the domain error for a violated unique constraint. Other errors are left to the caller."""
    taken = _TAKEN.get(broken_constraint(error))
    if taken is not None:
        raise taken from error
{% endif %}
{% if references %}


def _resolve_references(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` with the IDs of other objects replaced by the objects.

    Raises FieldErrors (code `not_found`), whether an object is missing or another company's.
    """
    found = dict(fields)
    for name, find in _FINDERS.items():
        if found.get(name) is not None:
            try:
                found[name] = find(found[name])
            except NotFound as error:
                raise FieldErrors([FieldError(name, "not_found", "There is no such object.")]) from error
    return found


_FINDERS: dict[str, Any] = {
{% for field in references %}
    "{{ field.name }}": {{ field.finder }},
{% endfor %}
}
{% endif %}
