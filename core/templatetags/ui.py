"""Template tags of the design system: `{% load ui %}` in every page.

Inclusion tags render `templates/components/<name>.html`, block tags (`card`, `dialog`, …) wrap their content. Amounts are
integers in minor units and times are aware datetimes, as everywhere.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BaseForm, BoundField
from django.template.base import FilterExpression, Parser, Token
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from core.templatetags import lists, values
from core.ui import one_time_forms
from core.ui.charts import Chart

register = template.Library()
for _part in (lists, values):  # one library to load on a page
    register.tags.update(_part.register.tags)
    register.filters.update(_part.register.filters)

TONES = {
    # keys, secrets, people
    "active": "ok", "enabled": "ok", "verified": "ok", "accepted": "ok", "live": "ok",
    "expired": "danger", "revoked": "danger", "disabled": "danger", "suspended": "danger", "exposed": "danger",
    "expiring": "warn", "rotating": "warn", "unused": "warn", "test": "warn", "invited": "info",
    # invoices, charges, refunds
    "draft": "muted", "open": "info", "paid": "ok", "void": "muted", "uncollectible": "danger", "overdue": "danger",
    "pending": "info", "succeeded": "ok", "failed": "danger", "refunded": "muted", "partially refunded": "muted",
    # messages and deliveries
    "queued": "muted", "scheduled": "info", "sending": "info", "sent": "info", "delivered": "ok", "bounced": "danger",
    "complained": "danger", "canceled": "muted", "suppressed": "warn", "retrying": "warn", "exhausted": "danger",
    # roles
    "owner": "accent", "admin": "info", "developer": "muted", "viewer": "muted",
}  # fmt: skip


@lru_cache(maxsize=512, typed=True)
def icon(name: str, size: str = "") -> SafeString:
    """A decorative icon of `pomelo/img/icons.svg`. Hidden from screen readers, so always add text.

    Cached, because a page has dozens of icons, and rendering them took a tenth of its time.
    """
    classes = f"icon icon-{size}" if size else "icon"
    return format_html(
        '<svg class="{}" aria-hidden="true" focusable="false" viewBox="0 0 24 24"><use href="{}#{}"></use></svg>',
        classes,
        static("pomelo/img/icons.svg"),
        name,
    )


class IconNode(template.Node):
    """An icon with a literal name, the usual case, which needs no context lookup."""

    def __init__(self, arguments: list[FilterExpression]) -> None:
        self.arguments = arguments
        self._known = (
            [] if any(one.is_var or one.filters for one in arguments) else [one.var for one in arguments]
        )

    def render(self, context: template.Context) -> SafeString:
        """Return the icon."""
        return icon(*(self._known or [one.resolve(context) for one in self.arguments]))


@register.tag("icon")
def _icon(parser: Parser, token: Token) -> IconNode:
    """`{% icon "key" %}` or `{% icon "key" "lg" %}`."""
    _, *arguments = token.split_contents()
    if not 1 <= len(arguments) <= 2:
        raise template.TemplateSyntaxError("icon takes a name and an optional size")
    return IconNode([parser.compile_filter(one) for one in arguments])


@register.simple_tag
def badge(text: Any, tone: str = "", dot: bool = True) -> SafeString:
    """A colored status: `{% badge invoice.status %}`. The tone (ok, warn, danger, info, accent, muted) is derived from the
    status unless given; an unknown status is muted."""
    word = str(text).replace("_", " ")
    tone = tone or TONES.get(word.lower(), "muted")
    return format_html(
        '<span class="badge{} badge-{}">{}</span>',
        " badge-dot" if dot else "",
        tone,
        word[:1].upper() + word[1:],  # keep the rest: "TXT"
    )


@register.simple_tag
def mode_badge(mode: str) -> SafeString:
    """The live or test badge for everything that has a mode."""
    if mode not in ("live", "test"):
        raise ValueError(f"mode is live or test, not {mode!r}")
    return format_html(
        '<span class="badge badge-dot badge-{}">{}</span>', TONES[mode], "Live" if mode == "live" else "Test"
    )


@register.simple_tag(takes_context=True)
def one_time_token(context: Mapping[str, Any]) -> SafeString:
    """The hidden field that makes a form idempotent (core.ui.one_time_forms)."""
    return format_html(
        '<input type="hidden" name="{}" value="{}">',
        one_time_forms.FIELD,
        one_time_forms.token_for(context["request"]),
    )


@register.inclusion_tag("components/copy_field.html")
def copy_field(
    value: str, label: str, dom_id: str, hint: str = "", hide_label: bool = False
) -> dict[str, Any]:
    """A labeled read-only field with a copy button. Without scripts it can be selected."""
    return {"value": value, "label": label, "id": dom_id, "hint": hint, "hide_label": hide_label}


@register.inclusion_tag("components/copy_inline.html")
def copy_inline(value: str, dom_id: str, what: str = "") -> dict[str, Any]:
    """An inline value with a small copy button. `what` names it for screen readers."""
    return {"value": value, "id": dom_id, "what": what or value}


@register.inclusion_tag("components/meter.html")
def meter(used: int, limit: int, label: str, unit: str = "") -> dict[str, Any]:
    """A bar for usage against a limit. Warns from 80 %, also in words."""
    share = 1.0 if limit <= 0 else used / limit
    tone = "danger" if share >= 1 else "warn" if share >= 0.8 else "ok"
    return {
        "used": f"{used:,}", "limit": f"{limit:,}", "label": label, "unit": unit, "tone": tone,
        "percent": round(share * 100), "width": f"{min(share, 1) * 100:.2f}",
    }  # fmt: skip


@register.inclusion_tag("components/chart.html")
def chart(drawn: Chart, note: str = "") -> dict[str, Any]:
    """A chart with its legend and table."""
    return {"chart": drawn, "note": note}


@register.inclusion_tag("components/form_field.html")
def field(bound: BoundField, optional: bool = True, autofocus: bool = False) -> dict[str, Any]:
    """A form field: label, control, help and errors, associated for screen readers.

    `autofocus` focuses the control, unless the form has errors: then their summary gets the focus.
    """
    if autofocus and not bound.form.errors:
        bound.field.widget.attrs["autofocus"] = True
    return {"field": bound, "mark_optional": optional, "autofocus": autofocus, **field_shape(bound)}


@register.inclusion_tag("components/error_summary.html")
def error_summary(form: BaseForm, rows: Iterable[BaseForm] = ()) -> dict[str, Any]:
    """The focused error summary above a form and the `rows` of its table, if it has one. Each line links to its field.

    A control in a table is named by its `aria-label`, as it has no label beside it.
    """
    forms = [form, *rows]
    return {
        "general": [error for one in forms for error in one.non_field_errors()],
        "fields": [
            {
                "id": _first_control(bound),
                "label": bound.field.widget.attrs.get("aria-label", bound.label),
                "errors": bound.errors,
            }
            for one in forms
            for bound in one
            if bound.errors and not bound.is_hidden
        ],
    }


def _first_control(bound: BoundField) -> str:
    """Return the id of the control, or of the first of several."""
    return bound.id_for_label or f"{bound.auto_id}_0"


def field_shape(bound: BoundField) -> dict[str, Any]:
    """The layout of a bound field: `check` (label after the checkbox), `group` (a fieldset) or `plain`."""
    input_type = getattr(bound.field.widget, "input_type", "")
    if input_type == "checkbox" and not getattr(bound.field.widget, "allow_multiple_selected", False):
        return {"shape": "check"}
    return {"shape": "group" if bound.use_fieldset else "plain"}


@register.simple_tag(takes_context=True)
def nav_link(context: Mapping[str, Any], path: str, label: str, icon_name: str) -> SafeString:
    """A sidebar link, marked as current on its own page and all pages below it."""
    here = context["request"].path if "request" in context else ""
    current = "page" if here == path else "true" if path != "/" and here.startswith(path) else ""
    return format_html(
        '<a class="nav-link" href="{}"{}>{}{}</a>',
        path,
        format_html(' aria-current="{}"', current) if current else "",
        icon(icon_name),
        label,
    )


@register.simple_block_tag(takes_context=True)
def card(
    context: template.Context,
    content: str,
    title: str = "",
    note: str = "",
    tone: str = "",
    flush: bool = False,
) -> str:
    """`{% card "Usage" note="Last 7 days" %}…{% endcard %}`: a framed section; `flush` for a table inside."""
    return _render(context, "components/card.html", content, title=title, note=note, tone=tone, flush=flush)


@register.simple_block_tag(takes_context=True)
def banner(context: template.Context, content: str, tone: str = "info", title: str = "") -> str:
    """`{% banner "warn" "Test mode" %}…{% endbanner %}`: a notice on the page."""
    return _render(context, "components/banner.html", content, tone=tone, title=title)


@register.simple_block_tag(takes_context=True)
def empty_state(context: template.Context, content: str, title: str, icon_name: str = "info") -> str:
    """`{% empty_state "No keys yet" "key" %}<p>…</p><a class="button">…</a>{% endempty_state %}`."""
    return _render(context, "components/empty_state.html", content, title=title, icon_name=icon_name)


@register.simple_block_tag(takes_context=True)
def dialog(
    context: template.Context,
    content: str,
    dom_id: str,
    title: str,
    action: str,
    confirm: str,
    tone: str = "danger",
) -> str:
    """A native confirmation dialog with a POST form to `action`. Its content is the explanation and any fields.

    Open it with `<a href="{fallback page}" data-dialog="{id}">`. Without scripts, the link leads to an equivalent confirmation
    page.
    """
    return _render(
        context,
        "components/dialog.html",
        content,
        id=dom_id,
        title=title,
        action=action,
        confirm=confirm,
        tone=tone,
    )


@register.simple_block_tag(takes_context=True)
def table(context: template.Context, content: str, label: str, stack: bool = True) -> str:
    """`{% table "API keys" %}<thead>…{% endtable %}`: a table in a focusable scroll area. On narrow screens, rows become
    blocks (`stack`), in which each `<td data-label=…>` shows its column's label."""
    return _render(context, "components/table.html", content, label=label, stack=stack)


@register.simple_tag
def code_block(code: str, dom_id: str, label: str = "Code") -> SafeString:
    """A block of code with a copy button."""
    return mark_safe(render_to_string("components/code.html", {"code": code, "id": dom_id, "label": label}))  # noqa: S308 - a template escaped it


@register.inclusion_tag("components/code_tabs.html")
def code_tabs(samples: Mapping[str, str], dom_id: str, label: str = "Example") -> dict[str, Any]:
    """An example in several languages. `samples` maps tab names to code."""
    return {
        "label": label,
        "id": dom_id,
        "samples": [
            (name, code, f"{dom_id}-{index}", name) for index, (name, code) in enumerate(samples.items())
        ],
    }


def _render(context: template.Context, name: str, content: str, **values: Any) -> str:
    """Render a component around `content`, which has already been rendered (and escaped) by the block tag."""
    csrf = context.get("csrf_token")
    return render_to_string(name, {"content": content, "csrf_token": csrf, **values})
