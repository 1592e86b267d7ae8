"""Rows set aside by batches, on the staff site: the row, the reason, and the next attempt."""

from django.contrib import admin

from core.models import SetAside
from core.ui.staff import StaffModelAdmin


@admin.register(SetAside)
class SetAsideAdmin(StaffModelAdmin):
    """Rows that failed on their own. A row is removed once it succeeds."""

    list_display = ("item", "batch", "reason", "attempts", "first_seen", "last_seen", "try_again_at")
    list_filter = ("batch",)
    search_fields = ("item", "reason")
    ordering = ("-last_seen",)
