"""Messages on the staff site, read-only for support. Changes are up to the company."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from core.tenancy import tenant_context
from core.ui.staff import ReasonForm, StaffModelAdmin, reason_action, staff_principal
from messaging.channels import channels, label_of
from messaging.channels.sms import SENDER_FORM, clean_sender
from messaging.models import (
    CompanySenders,
    DailyUsage,
    Message,
    Recipient,
    Reputation,
    SenderDomain,
    SmsPrice,
    SmsSender,
    SmsSpend,
    Suppression,
    Template,
)
from messaging.models.reputation import APPEAL_WAITS
from messaging.services import assign_sms_sender, decide_sms_sender, lift_reputation


class ChannelFilter(admin.SimpleListFilter):
    """A filter by channel, with the labels used on the company's own pages."""

    title = "channel"
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return all channels."""
        return [(name, channel.label) for name, channel in channels().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen channel."""
        return queryset.filter(channel=self.value()) if self.value() else queryset


class WithChannel(StaffModelAdmin):
    """Admins of rows that belong to a channel."""

    @admin.display(description="channel", ordering="channel")
    def channel_label(self, row: Message | Suppression | DailyUsage | Template) -> str:
        """Return the channel's label."""
        return label_of(row.channel)


@admin.register(Message)
class MessageAdmin(WithChannel):
    """Messages and their status. Their texts are not shown."""

    list_display = (
        "public_id",
        "company",
        "mode",
        "channel_label",
        "status",
        "recipient_count",
        "send_at",
        "due_at",
    )
    list_filter = (ChannelFilter, "status", "mode")
    search_fields = ("company__name", "company__slug")
    list_select_related = ("company",)
    exclude = ("text", "html")


@admin.register(Recipient)
class RecipientAdmin(StaffModelAdmin):
    """Recipients of messages, and what providers reported."""

    list_display = ("address", "company", "mode", "status", "error_code", "provider", "updated")
    list_filter = ("status", "provider", "mode")
    search_fields = ("address_normalized", "provider_id")
    list_select_related = ("company",)


@admin.register(Suppression)
class SuppressionAdmin(WithChannel):
    """Addresses nothing is sent to."""

    list_display = ("address", "company", "mode", "channel_label", "origin", "topic", "created")
    list_filter = (ChannelFilter, "origin", "mode")
    search_fields = ("address_normalized", "company__name")
    list_select_related = ("company",)


@admin.register(SenderDomain)
class SenderDomainAdmin(StaffModelAdmin):
    """Sender domains of companies; DNS decides about them, not staff."""

    list_display = ("domain", "company", "mode", "status", "verified_at", "checked_at", "failing_since")
    list_filter = ("status", "mode")
    search_fields = ("domain", "company__name", "company__slug")
    list_select_related = ("company",)
    exclude = ("token",)


def _may_be_approved(sender: SmsSender) -> bool:
    return sender.status != SmsSender.Status.APPROVED


def _may_be_rejected(sender: SmsSender) -> bool:
    return sender.status != SmsSender.Status.REJECTED


@admin.register(SmsSender)
class SmsSenderAdmin(StaffModelAdmin):
    """SMS senders that companies request: approve, reject or revoke them."""

    list_display = ("sender", "company", "mode", "status", "reason", "created", "decided_at")
    list_filter = ("status", "mode")
    search_fields = ("sender_normalized", "company__name", "company__slug")
    list_select_related = ("company",)
    actions = ("approve", "reject")

    @reason_action(
        description="Approve SMS sender", permission="messaging.approve_smssender", when=_may_be_approved
    )
    def approve(self, request: HttpRequest, sender: SmsSender, *, reason: str) -> str:
        """Approve the sender."""
        self._decide(request, sender, is_approved=True, decision=reason)
        return f"{sender.company.name} can send SMS from {sender.sender}; its owners are notified by email."

    @reason_action(
        description="Reject SMS sender", permission="messaging.reject_smssender", when=_may_be_rejected
    )
    def reject(self, request: HttpRequest, sender: SmsSender, *, reason: str) -> str:
        """Reject or revoke the sender: its queued SMS fail."""
        self._decide(request, sender, is_approved=False, decision=reason)
        return f"{sender.company.name} cannot send SMS from {sender.sender}; its owners are notified by email, with the reason."

    def _decide(self, request: HttpRequest, sender: SmsSender, *, is_approved: bool, decision: str) -> None:
        with tenant_context(sender.tenant):
            decide_sms_sender(
                sender=sender, is_approved=is_approved, decision=decision, actor=staff_principal(request)
            )


class AssignForm(ReasonForm):
    """The number or name to assign, and the reason."""

    field_order = ("sender", "named", "reason")
    sender = forms.CharField(
        max_length=16, help_text=f"{SENDER_FORM} The company can use it immediately, in live mode."
    )

    def clean_sender(self) -> str:
        """Reject invalid SMS senders."""
        cleaned = clean_sender(self.cleaned_data["sender"].strip())
        if cleaned is None:
            raise forms.ValidationError(SENDER_FORM)
        return cleaned


@admin.register(CompanySenders)
class CompanySendersAdmin(StaffModelAdmin):
    """Companies, to assign SMS senders to them."""

    list_display = ("name", "slug", "tier")
    search_fields = ("name", "slug")
    fields = ("name", "slug")
    actions = ("assign_sms_sender",)

    @reason_action(
        description="Assign an SMS sender", permission="messaging.assign_smssender", form=AssignForm
    )
    def assign_sms_sender(
        self, request: HttpRequest, company: CompanySenders, *, sender: str, reason: str
    ) -> str:
        """Assign an SMS sender to the company, whether or not it requested one."""
        with tenant_context(company.live_tenant):
            assign_sms_sender(sender=sender, decision=reason, actor=staff_principal(request))
        return f"{company.name} can send SMS from {sender}. Its owners are notified by email."


@admin.register(Template)
class TemplateAdmin(WithChannel):
    """Templates of companies."""

    list_display = ("name", "company", "mode", "channel_label", "version", "updated")
    list_filter = (ChannelFilter, "mode")
    search_fields = ("name", "company__name", "company__slug")
    list_select_related = ("company",)


class AppealFilter(admin.SimpleListFilter):
    """A filter for companies with an open appeal."""

    title = "appeal"
    parameter_name = "appeal"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the only option."""
        return [("waits", "Waiting for a response")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows with an open appeal."""
        return queryset.filter(APPEAL_WAITS) if self.value() == "waits" else queryset


def _is_held_back(reputation: Reputation) -> bool:
    return reputation.state != Reputation.State.GOOD


@admin.register(Reputation)
class ReputationAdmin(StaffModelAdmin):
    """Bounce and complaint rates of companies, the resulting limits, and their appeals."""

    list_display = (
        "company",
        "mode",
        "state",
        "since",
        "bounces",
        "complaints",
        "sent",
        "appeal",
        "appealed_at",
    )
    list_filter = (AppealFilter, "state", "mode")
    search_fields = ("company__name", "company__slug")
    list_select_related = ("company",)
    actions = ("lift",)

    @admin.display(description="bounces")
    def bounces(self, row: Reputation) -> str:
        """Return the formatted bounce rate."""
        return f"{row.bounce_rate:.1%}"

    @admin.display(description="complaints")
    def complaints(self, row: Reputation) -> str:
        """Return the formatted complaint rate."""
        return f"{row.complaint_rate:.2%}"

    @reason_action(
        description="Lift the limits on its email", permission="messaging.lift_reputation", when=_is_held_back
    )
    def lift(self, request: HttpRequest, reputation: Reputation, *, reason: str) -> str:
        """Lift the limits and reset the counts."""
        with tenant_context(reputation.tenant):
            lift_reputation(reputation=reputation, reason=reason, actor=staff_principal(request))
        return (
            f"{reputation.company.name} can send email at full speed again; its owners are notified by email."
        )


@admin.register(DailyUsage)
class DailyUsageAdmin(WithChannel):
    """Recipients counted against the daily caps, including those reserved for shares."""

    list_display = ("day", "company", "mode", "channel_label", "recipients")
    list_filter = (ChannelFilter, "mode", "day")
    search_fields = ("company__name", "company__slug")
    list_select_related = ("company",)


@admin.register(SmsSpend)
class SmsSpendAdmin(StaffModelAdmin):
    """The cost of a day's SMS, including estimates for unknown prices."""

    list_display = ("day", "company", "mode", "amount", "currency", "notified_percent")
    list_filter = ("day",)
    search_fields = ("company__name", "company__slug")
    list_select_related = ("company",)


@admin.register(SmsPrice)
class SmsPriceAdmin(StaffModelAdmin):
    """The price of each SMS, and why a price is unknown."""

    list_display = (
        "recipient",
        "company",
        "state",
        "country",
        "segments",
        "held",
        "price",
        "currency",
        "problem",
        "attempts",
    )
    list_filter = ("state", "problem")
    search_fields = ("company__name", "company__slug")
    list_select_related = ("company", "recipient")
