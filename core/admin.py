"""What batches have set aside, on the staff site: which row, why, and when it is tried again."""

from django.contrib import admin

from core.models import SetAside
from core.ui.staff import StaffModelAdmin


@admin.register(SetAside)
class SetAsideAdmin(StaffModelAdmin):
    """Rows that failed by themselves; each leaves the list once it has succeeded."""

    list_display = ("item", "batch", "reason", "tries", "first_seen", "last_seen", "try_again_at")
    list_filter = ("batch",)
    search_fields = ("item", "reason")
    ordering = ("-last_seen",)
