"""Bulk actions on the selected rows of a list: a confirmation page, one savepoint per row, and a message with the refusals."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from core.errors import DomainError

MOST = 100
# The number of refusals listed in the message.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Bulk:
    """An action on selected rows, and its wording."""

    field: str  # the name of the checkboxes, and the noun for a row: "invoice"
    list_name: str
    verb: str  # "Void"
    note: str  # explains the consequences
    done: str  # the state of the rows afterwards: "void"
    name_of: Callable[[Any], str]
    check: Callable[[Any], object] = bool
    tone: str = "danger"

    def count(self, number: int) -> str:
        """Return the number with its noun: "1 invoice", "2 deliveries"."""
        return f"{number} {self.field if number == 1 else plural(self.field)}"

    def count_with_verb(self, number: int) -> str:
        """Return the number with noun and verb: "1 invoice is", "2 deliveries are"."""
        return f"{self.count(number)} {'is' if number == 1 else 'are'}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selected row, its name, and why the action is refused, if it is."""

    row: Any
    name: str
    refusal: str = ""


def plural(noun: str) -> str:
    """Return the plural of a noun: "invoices", "deliveries", "keys"."""
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"


def selected_ids(request: HttpRequest, field: str, *, most: int = MOST) -> list[str]:
    """Return the IDs of the selected rows. If there are none or too many, add an error message and return an empty list."""
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


def confirm_or_run(
    request: HttpRequest,
    bulk: Bulk,
    *,
    find: Callable[[Sequence[str]], Collection[Any]],
    act: Callable[[Any], object],
    back: str,
) -> HttpResponse:
    """Render the confirmation page (GET), or run the action on each selected row and redirect `back` with a message (POST).

    A refusal for one row does not affect the others. `find` raises NotFound.
    """
    asked = selected_ids(request, bulk.field)
    if not asked:
        return redirect(back)
    rows = sorted(find(asked), key=lambda row: row.pk)  # a consistent lock order prevents deadlocks
    if request.method == "POST":

        def by_itself(row: Any) -> None:
            with transaction.atomic():
                act(row)

        refused = [each for each in (_attempt(bulk, by_itself, row) for row in rows) if each.refusal]
        _report(request, bulk, len(rows) - len(refused), refused)
        return redirect(back)
    chosen = [_attempt(bulk, bulk.check, row) for row in rows]
    number = sum(not each.refusal for each in chosen)
    context = {"bulk": bulk, "chosen": chosen, "back": back, "number": number, "count": bulk.count(number)}
    return render(request, "selected.html", context)


def _attempt(bulk: Bulk, attempt: Callable[[Any], object], row: Any) -> Chosen:
    name = bulk.name_of(row)  # the row may be deleted by the action
    try:
        attempt(row)
    except DomainError as refusal:
        return Chosen(row, name, refusal.page_detail)
    return Chosen(row, name)


def _report(request: HttpRequest, bulk: Bulk, done: int, refused: Sequence[Chosen]) -> None:
    summary = f"{bulk.count_with_verb(done)} {bulk.done}." if done else "Nothing was changed."
    if not refused:
        messages.success(request, summary)
        return
    named = " ".join(f"{each.name}: {each.refusal}" for each in refused[:NAMED])
    more = f" And {len(refused) - NAMED} more." if len(refused) > NAMED else ""
    add_message = messages.warning if done else messages.error
    add_message(request, f"{summary} {bulk.count(len(refused))} left out. {named}{more}")
