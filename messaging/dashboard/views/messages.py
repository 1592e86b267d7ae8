"""Message pages: list, compose, detail, cancel."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from core.errors import FieldErrors, NotFound, is_allowed
from core.ui.lists import paginate_list
from core.ui.one_time_forms import act_once
from messaging import services
from messaging.channels import find_spellings
from messaging.dashboard.forms import ComposeForm, MessageFilterForm
from messaging.dashboard.reputation import show_reputation
from messaging.dashboard.usage import show_usage
from messaging.models import Message, Recipient, Status
from messaging.providers import uses_files
from messaging.selectors import messages as selectors
from messaging.selectors.templates import get_template, newest_version
from messaging.services.caps import DailyCapExceeded
from messaging.services.reputation import SendingPaused, SendingSlowed
from messaging.services.senders import SenderNotVerified
from messaging.services.sms_senders import NumberRangeLimited, SmsCountryOff
from messaging.services.spend import SmsSpendCapExceeded

_TONES = {
    "sent": "accent", "delivered": "ok", "bounced": "danger", "complained": "danger", "failed": "danger",
    "suppressed": "warn", "deferred": "warn", "canceled": "",
}  # fmt: skip


@company_page()
@require_safe
def message_list(request: CompanyRequest) -> HttpResponse:
    """Messages, newest first, with today's use of the daily caps."""
    form = MessageFilterForm(request.GET)
    rows = selectors.list_messages()
    if form.is_valid():
        rows = _narrow(rows, form.cleaned_data)
    try:
        page = paginate_list(rows, request)
    except FieldErrors:
        return redirect("messaging:list")
    context = {
        "form": form,
        "page": page,
        "rows": [{"message": row, "recipients": _first(row)} for row in page.items],
        **show_usage(),
        "may_change": at_least(request.membership.role, Role.DEVELOPER),
        "has_mailbox": uses_files(),
        "actions": [
            {
                "label": "Cancel",
                "icon": "x",
                "url": reverse("messaging:cancel_selected"),
                "tone": "danger-quiet",
            }
        ],
        **show_reputation(),
    }
    return render(request, "messaging/message_list.html", context)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def compose(request: CompanyRequest) -> HttpResponse:
    """Write a message and send it."""
    form = ComposeForm(
        request.POST or None, request.FILES or None, initial=_begun_with(request.GET.get("template", ""))
    )
    if request.method == "POST" and form.is_valid():
        try:
            return act_once(
                request,
                lambda: _send(request, form),
                if_sent_before="This form was already submitted: no second message was created.",
            )
        except FieldErrors as refusal:
            form.show_refusal(refusal)
        except (
            DailyCapExceeded,
            NumberRangeLimited,
            SenderNotVerified,
            SendingPaused,
            SendingSlowed,
            SmsCountryOff,
            SmsSpendCapExceeded,
        ) as refusal:
            form.add_error(None, f"{refusal.page_detail} {refusal.page_advice}")
    context = {"form": form, **show_usage()}
    status = 400 if form.errors else 200
    return render(request, "messaging/compose.html", context, status=status)


def _begun_with(public_id: str) -> dict[str, str]:
    """Return the initial values of the form: the template named in the URL, with its variables to fill in."""
    try:
        row = get_template(public_id)
    except NotFound:
        return {}
    names = [one["name"] for one in newest_version(row).variables if one["required"]]
    return {
        "channel": row.channel,
        "template": row.public_id,
        "variables": "".join(f"{name}: \n" for name in names),
    }


def _send(request: CompanyRequest, form: ComposeForm) -> HttpResponse:
    accepted = services.create_message(actor=request.principal, **form.message_fields)
    scheduled = accepted.message.status == Status.SCHEDULED
    messages.success(request, "The message is scheduled." if scheduled else "The message is being sent.")
    return redirect("messaging:detail", accepted.message.public_id)


@company_page()
@require_safe
def detail(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Show a message and the status of each recipient."""
    message = selectors.get_message(public_id)
    recipients = selectors.recipients_with_events(message)
    costs = selectors.costs_of(message) if message.channel == "sms" else {}
    context = {
        "message": message,
        "recipients": [
            {"recipient": row, "entries": _entries(message, row), "cost": costs.get(row.id)}
            for row in recipients
        ],
        "cancelable": is_allowed(services.check_cancel, message),
        "may_change": at_least(request.membership.role, Role.DEVELOPER),
    }
    return render(request, "messaging/message_detail.html", context)


@company_page(role=Role.DEVELOPER)
@require_POST
def cancel(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Cancel a message that no worker has claimed yet."""
    services.cancel_message(message=selectors.get_message(public_id), actor=request.principal)
    messages.success(
        request, "The message is canceled; its recipients no longer count against the daily caps."
    )
    return redirect("messaging:detail", public_id)


def _narrow(rows: Any, chosen: dict[str, Any]) -> Any:
    if chosen["channel"]:
        rows = rows.filter(channel=chosen["channel"])
    if chosen["status"]:
        rows = rows.filter(status=chosen["status"])
    if chosen["to"]:
        spellings = find_spellings(chosen["to"])
        rows = selectors.sent_to(rows, spellings[0]) if spellings else rows.none()
    if chosen["tag"]:
        rows = selectors.tagged(rows, chosen["tag"])
    return rows


def _first(message: Message) -> str:
    """Return the first recipient, and how many more there are."""
    ordered = sorted(message.recipients.all(), key=lambda row: row.position)
    more = len(ordered) - 1
    return ordered[0].address + (f" and {more} more" if more else "")


def _entries(message: Message, recipient: Recipient) -> list[dict[str, Any]]:
    """Return a recipient's timeline for the component, newest first."""
    line = [
        {
            "title": event.kind.capitalize(),
            "moment": event.created,
            "note": ": ".join(filter(None, (event.code, event.detail))),
            "tone": _TONES.get(event.kind, ""),
        }
        for event in reversed(recipient.line)  # type: ignore[attr-defined]
    ]
    return [*line, {"title": "Queued", "moment": message.created, "note": "", "tone": ""}]
