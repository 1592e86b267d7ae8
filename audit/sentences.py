"""Audit entries as sentences: who did what to which object, with links, grouping repeats.

The event provides the sentence (`core.events.Event.sentence`), and the object's app its name (`core.ui.finding`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from string import Formatter
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from audit.models import AuditEntry
from audit.models.entries import EntryColumns
from core.events import EVENT_TYPES
from core.ui.finding import Named, names_of

TARGET = "target"
LONGEST_FACT = 200
_NAMELESS = {EntryColumns.ActorKinds.SYSTEM: "Pomelo"}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sentence: plain text, or the name of an object with the URL of its page, if any."""

    text: str
    url: str = ""
    is_name: bool = False
    is_id: bool = False


@dataclass(frozen=True, slots=True)
class EntrySentence:
    """An entry as a sentence, together with the entries right before it that read the same, newest first."""

    entry: AuditEntry
    actor: Part
    parts: tuple[Part, ...]
    repeats: tuple[AuditEntry, ...] = ()

    @property
    def count(self) -> int:
        """The number of entries."""
        return 1 + len(self.repeats)

    @property
    def first(self) -> AuditEntry:
        """The oldest entry."""
        return self.repeats[-1] if self.repeats else self.entry

    @property
    def text(self) -> str:
        """The sentence without links."""
        return " ".join([self.actor.text, "".join(part.text for part in self.parts)])


def as_sentences(entries: Sequence[AuditEntry]) -> list[EntrySentence]:
    """Return a page of entries as sentences, in the current tenant, grouping consecutive identical ones."""
    groups = [list(group) for _, group in groupby(entries, key=grouping_key)]
    wanted = {group[0].target_id for group in groups} | {
        group[0].actor_id for group in groups if group[0].actor_kind == EntryColumns.ActorKinds.KEY
    }
    names = names_of(wanted)
    return [
        EntrySentence(group[0], _actor(group[0], names), tuple(_parts(group[0], names)), tuple(group[1:]))
        for group in groups
    ]


def grouping_key(entry: EntryColumns) -> tuple[Any, ...]:
    """Return the key by which identical entries are grouped."""
    return entry.action, entry.actor_kind, entry.actor_id, entry.target_id, entry.ip


def sentence_of(entry: EntryColumns) -> str:
    """Return one entry as plain text with its object's id, which needs no lookups and no tenant."""
    return " ".join([_actor(entry, {}).text, "".join(part.text for part in _parts(entry, {}))])


def sentence_template(action: str) -> str:
    """Return the sentence of an action; if no installed app declares it any more, one made from its name."""
    event = EVENT_TYPES.get(action)
    return (event.sentence if event else "") or f"{action.replace('.', ': ').replace('_', ' ')} {{{TARGET}}}"


def _actor(entry: EntryColumns, names: dict[str, Named]) -> Part:
    kind = EntryColumns.ActorKinds(entry.actor_kind)
    name = _NAMELESS.get(kind) or entry.actor_name or entry.actor_id or "Somebody"
    if kind == EntryColumns.ActorKinds.KEY:
        return Part(name, names[entry.actor_id].path if entry.actor_id in names else "", is_name=True)
    if kind == EntryColumns.ActorKinds.SYSTEM or not entry.actor_id:
        return Part(name, is_name=True)
    # A person has no page; link to their other entries instead.
    return Part(name, f"{reverse('audit:entries')}?{urlencode({'actor': entry.actor_id})}", is_name=True)


def _parts(entry: EntryColumns, names: dict[str, Named]) -> Iterable[Part]:
    for words, field, _, _ in Formatter().parse(sentence_template(entry.action)):
        if words:
            yield Part(words)
        if field == TARGET:
            named = names.get(entry.target_id)
            title = named.title if named else entry.target_id or "–"
            yield Part(title, named.path if named else "", is_name=True, is_id=title == entry.target_id)
        elif field:
            yield Part(_fact(entry, field), is_name=True)


def _fact(entry: EntryColumns, name: str) -> str:
    """Return a value of the event's detail, or the new value of a changed field."""
    found = entry.detail.get(name)
    if found is None and isinstance(changed := entry.changes.get(name), list) and changed:
        found = changed[-1]
    return str(found)[:LONGEST_FACT] if found not in (None, "") else "–"
