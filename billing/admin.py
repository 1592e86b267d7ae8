"""Billing on the staff site: objects are read-only; tiers and limits are changed by actions with a reason."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest

from accounts.models import Company
from billing.entitlements import LIMIT_NAMES, as_numbers, limits_by_tier
from billing.models import (
    MAX_LIMIT,
    Charge,
    CompanyPlan,
    CreditNote,
    Customer,
    Dispute,
    Invoice,
    InvoiceLine,
    OffPlatformPayment,
    Refund,
    Seller,
    TierLimits,
    TierRequest,
)
from billing.services import (
    apply_tier_request,
    change_tier,
    decline_tier_request,
    override_limits,
    set_tier_limits,
)
from billing.staff_money import MoneyAdmin, currency_of_charge, currency_of_invoice, money_columns
from core.ui.staff import ReasonForm, StaffModelAdmin, reason_action, staff_principal
from core.valkey.fences import LONGEST_DELAY_SECONDS, Effect
from core.values.form_fields import WholeNumberField
from core.values.labels import label_of


class TierForm(ReasonForm):
    """The new tier, and the reason."""

    tier = forms.ChoiceField(choices=Company.Tiers.choices)

    def show_current_values(self, objects: Sequence[Any]) -> None:
        """Show the current tier."""
        self.fields["tier"].help_text = f"Now {', '.join(company.get_tier_display() for company in objects)}."


class LimitsForm(ReasonForm):
    """A company's own limits; an empty field means the tier's limit."""

    field_order = (*LIMIT_NAMES, "named", "reason")
    when_empty = "the tier’s limit"
    asks_for_limits = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in LIMIT_NAMES:
            self.fields[name] = WholeNumberField(
                label=label_of(name),
                min_value=0,
                max_value=MAX_LIMIT,
                required=False,
                help_text=f"Empty: {self.when_empty}.",
            )
        self.order_fields(self.field_order)

    def show_current_values(self, objects: Sequence[Any]) -> None:
        """Show the current limit of each field, and start with the company's overrides, which empty fields would remove."""
        if len(objects) != 1:
            return
        [company] = objects
        own, tiers = company.limit_overrides, as_numbers(limits_by_tier()[company.tier])
        for name in LIMIT_NAMES:
            tier = f"{tiers[name]:,}"
            now = (
                f"Now {own[name]:,}, an override; its tier has {tier}."
                if name in own
                else f"Now {tier}, from its tier."
            )
            self.fields[name].help_text = f"{now} Empty: {self.when_empty}."
            self.fields[name].initial = own.get(name)

    def show_uses(self, uses: Mapping[str, str]) -> None:
        """Show each limit's use in live mode."""
        for name, use in uses.items():
            self.fields[name].help_text = f"{self.fields[name].help_text} Used (live): {use}."


class TierLimitsForm(LimitsForm):
    """The limits of a tier; an empty field leaves the limit unchanged."""

    when_empty = "unchanged"
    asks_for_limits = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["named"].label = "Tier"
        self.fields[
            "named"
        ].help_text = "Type the name of the tier: the change applies to every company on it."

    def show_current_values(self, objects: Sequence[Any]) -> None:
        """Show the tier's current limits."""
        for name in LIMIT_NAMES:
            now = ", ".join(f"{getattr(tier, name):,}" for tier in objects)
            self.fields[name].help_text = f"Now {now}. Empty: {self.when_empty}."


@admin.register(TierLimits)
class TierLimitsAdmin(StaffModelAdmin):
    """The limits of each tier."""

    list_display = ("tier", *LIMIT_NAMES, "updated")
    ordering = ("requests_per_minute",)
    actions = ("set_limits",)

    def short_name(self, obj: TierLimits) -> str:
        """Return the tier's name: it belongs to no company."""
        return obj.tier

    @reason_action(description="Change limits", permission="billing.set_tier_limits", form=TierLimitsForm)
    def set_limits(self, request: HttpRequest, tier: TierLimits, *, reason: str, **limits: int | None) -> str:
        """Change the tier's limits for every company on it, effective immediately."""
        wanted = {name: value for name, value in limits.items() if value is not None}
        effects = set_tier_limits(
            tier=tier.tier, limits=wanted, reason=reason, actor=staff_principal(request)
        )
        _warn_when_delayed(request, *effects)
        return f"The {tier.tier} tier has new limits, for {len(effects)} compan{'y' if len(effects) == 1 else 'ies'} on it."


@admin.register(CompanyPlan)
class CompanyPlanAdmin(StaffModelAdmin):
    """The tier and limits of each company."""

    list_display = ("name", "slug", "tier", "limit_overrides")
    list_filter = ("tier",)
    search_fields = ("name", "slug")
    fields = ("name", "slug", "tier", "limit_overrides", "version")
    actions = ("change_tier", "override_limits")

    @reason_action(description="Change tier", permission="billing.change_tier", form=TierForm)
    def change_tier(self, request: HttpRequest, company: Company, *, tier: str, reason: str) -> str:
        """Move the company to another tier, effective immediately."""
        effect = change_tier(company=company, tier=tier, reason=reason, actor=staff_principal(request))
        _warn_when_delayed(request, effect)
        return f"{company.name} is on the {tier} tier now."

    @reason_action(description="Override limits", permission="billing.override_limits", form=LimitsForm)
    def override_limits(
        self, request: HttpRequest, company: Company, *, reason: str, **limits: int | None
    ) -> str:
        """Replace the company's overrides, effective immediately."""
        overrides = {name: value for name, value in limits.items() if value is not None}
        effect = override_limits(
            company=company, overrides=overrides, reason=reason, actor=staff_principal(request)
        )
        _warn_when_delayed(request, effect)
        if not overrides:
            return f"{company.name} no longer has limits of its own: its tier's limits apply."
        named = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in overrides.items())
        return f"{company.name} now has its own limits: {named}. The others come from its tier."


def _is_open(wanted: TierRequest) -> bool:
    return wanted.status == TierRequest.Status.OPEN


@admin.register(TierRequest)
class TierRequestAdmin(StaffModelAdmin):
    """Tier requests of owners."""

    list_display = ("company", "tier", "status", "requested_by", "created", "decided_at")
    list_filter = ("status", "tier")
    search_fields = ("company__name", "company__slug")
    list_select_related = ("company", "requested_by")
    actions = ("apply", "decline")

    @reason_action(
        description="Apply the requested tier", permission="billing.apply_tierrequest", when=_is_open
    )
    def apply(self, request: HttpRequest, wanted: TierRequest, *, reason: str) -> str:
        """Apply the requested tier, effective immediately."""
        effect = apply_tier_request(request=wanted, reason=reason, actor=staff_principal(request))
        _warn_when_delayed(request, effect)
        return f"{wanted.company.name} is on the {wanted.tier} tier now, as requested. The requester is notified by email."

    @reason_action(description="Decline the request", permission="billing.decline_tierrequest", when=_is_open)
    def decline(self, request: HttpRequest, wanted: TierRequest, *, reason: str) -> str:
        """Decline the request; the company sees the reason."""
        decline_tier_request(request=wanted, reason=reason, actor=staff_principal(request))
        return f"The request of {wanted.company.name} for the {wanted.tier} tier is declined; the company sees the reason, and the requester is notified by email."


@admin.register(Customer)
class CustomerAdmin(StaffModelAdmin):
    """Customers of companies."""

    list_display = ("name", "email", "company", "mode", "created", "deleted_at")
    list_filter = ("mode", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "email_normalized", "external_id", "company__name")
    list_select_related = ("company",)


@admin.register(Seller)
class SellerAdmin(StaffModelAdmin):
    """Seller details on companies' invoices."""

    list_display = ("legal_name", "company", "mode", "language", "updated")
    list_filter = ("mode",)
    search_fields = ("legal_name", "company__name")
    list_select_related = ("company",)


class InvoiceLineInline(admin.TabularInline):
    """The lines of an invoice."""

    model = InvoiceLine
    money = money_columns("unit_amount", "discount_amount", "amount", "tax", currency_of=currency_of_invoice)
    # The admin accepts a function wherever it accepts a name (ModelAdmin.readonly_fields); the stubs only know names.
    fields: ClassVar[Any] = ("position", "description", "quantity", *money.values())
    readonly_fields: ClassVar[Any] = tuple(money.values())
    ordering = ("position",)
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deny it: lines are written by their company."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deny it: lines are written by their company."""
        return False


@admin.register(Invoice)
class InvoiceAdmin(MoneyAdmin):
    """Invoices of companies."""

    money = money_columns(
        "discount_amount",
        "subtotal",
        "tax",
        "total",
        "amount_paid",
        "amount_pending",
        "pre_payment_credit",
        "post_payment_credit",
    )
    list_display = (
        "__str__",
        "company",
        "mode",
        "status",
        money["total"],
        money["amount_paid"],
        "created",
    )
    list_filter = ("status", "mode", "currency")
    search_fields = ("number", "external_id", "company__name")
    list_select_related = ("company",)
    inlines = (InvoiceLineInline,)


@admin.register(CreditNote)
class CreditNoteAdmin(MoneyAdmin):
    """Credit notes of companies."""

    money = money_columns(
        "subtotal",
        "tax",
        "total",
        "pre_payment_amount",
        "post_payment_amount",
        currency_of=currency_of_invoice,
    )
    list_display = (
        "number",
        "company",
        "mode",
        "status",
        "invoice",
        money["total"],
        "reason",
        "created",
    )
    list_filter = ("status", "mode", "reason")
    search_fields = ("number", "invoice__number", "company__name")
    list_select_related = ("company", "invoice")


@admin.register(OffPlatformPayment)
class OffPlatformPaymentAdmin(MoneyAdmin):
    """Payments that companies received outside the gateway."""

    money = money_columns("amount", currency_of=currency_of_invoice)
    list_display = (
        "public_id",
        "company",
        "mode",
        "invoice",
        "method",
        money["amount"],
        "paid_at",
        "undone_at",
    )
    list_filter = ("method", "mode", ("undone_at", admin.EmptyFieldListFilter))
    search_fields = ("reference", "invoice__number", "company__name")
    list_select_related = ("company", "invoice")


@admin.register(Charge)
class ChargeAdmin(MoneyAdmin):
    """Charges of companies, and the number of gateway calls."""

    money = money_columns("amount", "amount_refunded", "amount_refund_pending")
    list_display = (
        "public_id",
        "company",
        "mode",
        "status",
        money["amount"],
        "failure_code",
        "attempts",
        "created",
    )
    list_filter = ("status", "mode", "gateway", "failure_code")
    search_fields = ("gateway_reference", "company__name")
    list_select_related = ("company",)


@admin.register(Refund)
class RefundAdmin(MoneyAdmin):
    """Refunds of companies."""

    money = money_columns("amount", currency_of=currency_of_charge)
    list_display = (
        "public_id",
        "company",
        "mode",
        "status",
        money["amount"],
        "failure_code",
        "attempts",
        "created",
    )
    list_filter = ("status", "mode", "gateway")
    search_fields = ("gateway_reference", "company__name")
    list_select_related = ("company", "charge")


@admin.register(Dispute)
class DisputeAdmin(MoneyAdmin):
    """Disputes, as last reported by the gateway, where evidence is submitted."""

    money = money_columns("amount")
    list_display = (
        "public_id",
        "company",
        "mode",
        "status",
        "charge",
        money["amount"],
        "reason",
        "response_due_at",
        "reported_at",
    )
    list_filter = ("status", "mode", "reason")
    search_fields = ("gateway_reference", "charge__gateway_reference", "company__name")
    list_select_related = ("company", "charge")


def _warn_when_delayed(request: HttpRequest, *effects: Effect) -> None:
    def warn() -> None:
        if any(effect.immediate is False for effect in effects):
            messages.warning(
                request,
                f"Valkey could not be updated: processes may go by the old limits for {LONGEST_DELAY_SECONDS} seconds.",
            )

    # After the commit, which sets the effect; messages are stored when the response is sent.
    transaction.on_commit(warn)
