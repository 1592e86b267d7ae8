"""Template tags for lists, loaded with `{% load ui %}`: sortable columns, pagination, chips for active filters.

All state is in the URL, so that a list can be shared and works without scripts.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import template
from django.forms import BaseForm, BoundField
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.api.pagination import BACK, DEFAULT_LIMIT, ON, SORT

register = template.Library()

PAGE_SIZES = (20, 50, 100)
LIMIT = "limit"
# Parameters for the position in a list, as opposed to its contents.
_PLACE = (ON, BACK)


def address(request: HttpRequest, *, without: tuple[str, ...] = (), **values: str) -> str:
    """Return this page's URL without some parameters and with `values`. Other parameters are kept."""
    left_out = {*without, *values}
    kept = [(name, value) for name, sent in request.GET.lists() if name not in left_out for value in sent]
    query = urlencode([*kept, *((name, value) for name, value in values.items() if value)])
    return f"{request.path}?{query}" if query else request.path


@register.inclusion_tag("components/pager.html", takes_context=True)
def pager(context: Mapping[str, Any], page: Any, what: str = "rows") -> dict[str, Any]:
    """Links to the previous, next and first page, and the choice of page sizes."""
    request = context["request"]
    is_first = ON not in request.GET and not page.previous
    size = request.GET.get(LIMIT, str(DEFAULT_LIMIT))
    return {
        "count": len(page.items),
        "what": what,
        "first": "" if is_first else address(request, without=_PLACE),
        "previous": address(request, without=_PLACE, **{BACK: page.previous}) if page.previous else "",
        "next": address(request, without=_PLACE, **{ON: page.following}) if page.following else "",
        "sizes": [
            {
                "size": choice,
                "href": address(
                    request,
                    without=(*_PLACE, LIMIT),
                    **{LIMIT: "" if choice == DEFAULT_LIMIT else str(choice)},
                ),
                "is_chosen": size == str(choice),
            }
            for choice in PAGE_SIZES
        ],
        "has_sizes": bool(not is_first or page.following or LIMIT in request.GET),
    }


@register.simple_tag(takes_context=True)
def sort_column(
    context: Mapping[str, Any],
    label: str,
    name: str,
    *,
    first: str = "up",
    default: str = "",
    numeric: bool = False,
) -> SafeString:
    """A column heading that sorts the list, or reverses the order if it is already sorted by it: `{% sort_column "Name" "name" %}`.

    `first` is the direction of the first click: `up`, or `down` for timestamps and amounts. `default` is the direction if this
    column is the list's default order, in which case its link has no sort parameter.
    """
    request = context["request"]
    asked = request.GET.get(SORT, "")
    now = "up" if asked == name else "down" if asked == f"-{name}" else "" if asked else default
    wanted = ("down" if now == "up" else "up") if now else first
    return format_html(
        '<th scope="col"{}{}><a class="sort" href="{}">{}<span aria-hidden="true">{}</span></a></th>',
        format_html(' class="{}"', "num") if numeric else "",
        format_html(' aria-sort="{}ending"', "asc" if now == "up" else "desc") if now else "",
        address(
            request,
            without=_PLACE,
            **{SORT: "" if wanted == default else name if wanted == "up" else f"-{name}"},
        ),
        label,
        {"up": " ↑", "down": " ↓", "": ""}[now],
    )


@register.simple_tag
def select_all(what: str = "rows") -> SafeString:
    """The heading of a checkbox column, which selects all rows. Needs a form with `data-selectable-rows` (lists.js)."""
    return format_html(
        '<th scope="col" class="select-cell"><input type="checkbox" data-select-all class="needs-js"'
        ' aria-label="Select all {} on this page"></th>',
        what,
    )


@register.simple_tag
def select_row(field: str, public_id: str, label: str) -> SafeString:
    """A row's checkbox. Selected rows are submitted as `field`."""
    return format_html(
        '<td class="select-cell"><input type="checkbox" name="{}" value="{}" aria-label="Select {}"></td>',
        field,
        public_id,
        label,
    )


@register.inclusion_tag("components/chips.html", takes_context=True)
def filter_chips(context: Mapping[str, Any], form: BaseForm) -> dict[str, Any]:
    """The active filters, each with a link to remove it, and a link to remove all."""
    request = context["request"]
    chips = [
        {
            "label": bound.label,
            "text": _chosen(bound),
            "href": address(request, without=(*_PLACE, bound.html_name)),
        }
        for bound in form
        if form.is_bound and request.GET.get(bound.html_name, "") and not bound.errors
    ]
    return {
        "chips": chips,
        "clear": address(request, without=(*_PLACE, *(bound.html_name for bound in form))),
    }


def _chosen(bound: BoundField) -> str:
    """Return the label of a filter's value."""
    value = str(bound.value())
    labels = {str(key): str(label) for key, label in getattr(bound.field, "choices", ())}
    return labels.get(value, value)
