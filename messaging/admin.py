"""Messages on the staff site: to read, for support. What changes anything belongs to the company."""

from django.contrib import admin

from core.staff import StaffModelAdmin
from messaging.models import DailyUsage, Message, Recipient, Suppression


@admin.register(Message)
class MessageAdmin(StaffModelAdmin):
    """Messages and what became of them. Their texts are the company's business."""

    list_display = (
        "public_id",
        "company",
        "mode",
        "channel",
        "status",
        "recipient_count",
        "send_at",
        "due_at",
    )
    list_filter = ("channel", "status", "mode")
    search_fields = ("company__name", "company__slug")
    list_select_related = ("company",)
    exclude = ("text", "html")


@admin.register(Recipient)
class RecipientAdmin(StaffModelAdmin):
    """Whom messages went to, and what providers said."""

    list_display = ("address", "company", "mode", "status", "error_code", "provider", "updated")
    list_filter = ("status", "provider", "mode")
    search_fields = ("address_normalized", "provider_id")
    list_select_related = ("company",)


@admin.register(Suppression)
class SuppressionAdmin(StaffModelAdmin):
    """Addresses nothing is sent to."""

    list_display = ("address", "company", "mode", "channel", "origin", "created")
    list_filter = ("channel", "origin", "mode")
    search_fields = ("address_normalized", "company__name")
    list_select_related = ("company",)


@admin.register(DailyUsage)
class DailyUsageAdmin(StaffModelAdmin):
    """Recipients counted against the daily caps."""

    list_display = ("day", "company", "mode", "channel", "recipients")
    list_filter = ("channel", "mode", "day")
    search_fields = ("company__name", "company__slug")
    list_select_related = ("company",)
