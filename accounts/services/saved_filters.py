"""List filters that members save under a name, visible to themselves only."""

from contextlib import AbstractContextManager
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

from accounts.models import Membership, SavedFilter
from accounts.selectors import list_removed_filters, list_saved_filters
from accounts.services.names import checked_name
from core import clock
from core.errors import FieldError, FieldErrors
from core.postgres.failures import refusing
from core.values.redaction import redact

# Per member and company, over all lists.
MOST_SAVED = 50
LONGEST_NAME = 60
LONGEST_QUERY = 1000
LONGEST_PAGE = 100
# How long a removed filter can be restored.
UNDO_FOR = timedelta(days=1)
# Parameters for pagination and display, which are not filters.
_PLACE = frozenset({"starting_after", "ending_before", "limit", "live"})


def normalize_query(query: str) -> str:
    """Return a URL's filters in the form that is stored and compared: sorted, without empty ones and pagination."""
    pairs = parse_qsl(query, errors="replace")
    return urlencode(sorted((name, value) for name, value in pairs if name not in _PLACE))


def save_filter(*, member: Membership, page: str, query: str, name: str) -> SavedFilter:
    """Save the filters `query` of the list at the path `page` for `member`. Raises FieldErrors."""
    name = checked_name(name, longest=LONGEST_NAME)
    kept = normalize_query(query) if len(query) <= LONGEST_QUERY else query
    if not kept:
        raise FieldErrors(
            [FieldError("query", "required", "Choose a filter first: there is nothing to save.")]
        )
    if len(kept) > LONGEST_QUERY:
        text = f"Filters of at most {LONGEST_QUERY} characters can be saved."
        raise FieldErrors([FieldError("query", "too_long", text)])
    if any(redact(value) != value for _, value in parse_qsl(kept)):
        text = "Use the part of a secret that pages show: a whole one is never stored."
        raise FieldErrors([FieldError("query", "secret", text)])
    _make_room(member)
    with _names_once(name):
        found: SavedFilter = SavedFilter.objects.create(member=member, page=page, query=kept, name=name)
    return found


def rename_filter(*, saved: SavedFilter, name: str) -> SavedFilter:
    """Rename a saved filter. Raises FieldErrors."""
    saved.name = checked_name(name, longest=LONGEST_NAME)
    with _names_once(saved.name):
        saved.save(update_fields=["name"])
    return saved


def remove_filter(*, saved: SavedFilter) -> SavedFilter:
    """Remove a saved filter; `restore_filter` can bring it back within a day. Idempotent."""
    if saved.removed_at is None:
        saved.removed_at = clock.now()
        saved.save(update_fields=["removed_at"])
        _forget_removed(saved.member)
    return saved


def restore_filter(*, saved: SavedFilter) -> SavedFilter:
    """Restore a removed filter.

    Raises FieldErrors if it was deleted, its name has been taken, or the limit is reached.
    """
    if saved.removed_at is None:
        return saved
    _make_room(saved.member)
    with _names_once(saved.name):
        found = SavedFilter.objects.filter(id=saved.id).update(removed_at=None)
    if not found:
        text = f"“{saved.name}” cannot be brought back any more. Save it again."
        raise FieldErrors([FieldError("removed_at", "too_late", text)])
    saved.removed_at = None
    return saved


def _make_room(member: Membership) -> None:
    """Delete old removed filters. Raises FieldErrors if the limit is reached."""
    _forget_removed(member)
    if len(list_saved_filters(member)) >= MOST_SAVED:
        text = (
            f"You have {MOST_SAVED} saved filters, as many as there may be. Remove one that you do not need."
        )
        raise FieldErrors([FieldError("name", "limit_reached", text)])


def _forget_removed(member: Membership) -> None:
    """Delete removed filters that can no longer be restored, and of the rest all but the latest MOST_SAVED.

    The member's row stays locked until the transaction ends, so that concurrent saves cannot exceed the limit.
    """
    Membership.objects.select_for_update().get(id=member.id)
    kept = list_removed_filters(member, since=clock.now() - UNDO_FOR)[:MOST_SAVED]
    removed = SavedFilter.objects.filter(member=member, removed_at__isnull=False)
    removed.exclude(id__in=[one.id for one in kept]).delete()


def _names_once(name: str) -> AbstractContextManager[None]:
    text = f"You have a filter called “{name}” on this list. Choose another name."
    return refusing("accounts_savedfilter_name", lambda: FieldErrors([FieldError("name", "taken", text)]))
