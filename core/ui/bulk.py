"""Doing the same to the rows of a list that were ticked: one page that asks, each row by itself, and a sentence that names what was refused."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from core.errors import DomainError

MOST = 100
# How many refusals one sentence names.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Bulk:
    """What can be done to ticked rows of a list, and its words."""

    field: str  # the name of the boxes, and what one row is called: "invoice"
    list_name: str
    verb: str  # "Void"
    note: str  # what it means
    done: str  # what the rows are then: "void"
    name_of: Callable[[Any], str]
    check: Callable[[Any], object] = bool
    tone: str = "danger"

    def count(self, number: int) -> str:
        """Say how many rows: "1 invoice", "2 deliveries"."""
        return f"{number} {self.field if number == 1 else plural(self.field)}"

    def count_with_verb(self, number: int) -> str:
        """Say it as the beginning of a sentence: "1 invoice is", "2 deliveries are"."""
        return f"{self.count(number)} {'is' if number == 1 else 'are'}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A ticked row, its name, and why nothing will be done to it."""

    row: Any
    name: str
    refusal: str = ""


def plural(noun: str) -> str:
    """Return several of what a row is called: "invoices", "deliveries", "keys"."""
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"


def ticked(request: HttpRequest, field: str, *, most: int = MOST) -> list[str]:
    """Return the ids of the rows that were ticked; none, with a message that says why, when there are none or too many."""
    sent = request.POST if request.method == "POST" else request.GET
    asked = list(dict.fromkeys(sent.getlist(field)))
    what = plural(field)
    if not asked:
        messages.error(request, f"Select the {what} first.")
        return []
    if len(asked) > most:
        messages.error(request, f"Select at most {most} {what} at a time; {len(asked)} are selected.")
        return []
    return asked


def ask_or_do(
    request: HttpRequest,
    bulk: Bulk,
    *,
    find: Callable[[Sequence[str]], Collection[Any]],
    act: Callable[[Any], object],
    back: str,
) -> HttpResponse:
    """Ask about the ticked rows, or do it to each by itself and go `back`, where a sentence says what came of it.

    What one row is refused leaves the others as they would be. `find` raises NotFound.
    """
    asked = ticked(request, bulk.field)
    if not asked:
        return redirect(back)
    rows = sorted(find(asked), key=lambda row: row.pk)  # two people lock them in the same order
    if request.method == "POST":

        def by_itself(row: Any) -> None:
            with transaction.atomic():
                act(row)

        refused = [each for each in (_tried(bulk, by_itself, row) for row in rows) if each.refusal]
        _say(request, bulk, len(rows) - len(refused), refused)
        return redirect(back)
    chosen = [_tried(bulk, bulk.check, row) for row in rows]
    number = sum(not each.refusal for each in chosen)
    context = {"bulk": bulk, "chosen": chosen, "back": back, "number": number, "count": bulk.count(number)}
    return render(request, "selected.html", context)


def _tried(bulk: Bulk, attempt: Callable[[Any], object], row: Any) -> Chosen:
    name = bulk.name_of(row)  # afterwards it may be gone
    try:
        attempt(row)
    except DomainError as refusal:
        return Chosen(row, name, refusal.page_detail)
    return Chosen(row, name)


def _say(request: HttpRequest, bulk: Bulk, done: int, refused: Sequence[Chosen]) -> None:
    said = f"{bulk.count_with_verb(done)} {bulk.done}." if done else "Nothing was changed."
    if not refused:
        messages.success(request, said)
        return
    named = " ".join(f"{each.name}: {each.refusal}" for each in refused[:NAMED])
    more = f" And {len(refused) - NAMED} more." if len(refused) > NAMED else ""
    tell = messages.warning if done else messages.error
    tell(request, f"{said} {bulk.count(len(refused))} left out. {named}{more}")
