"""Bookings on the staff site: looked at, never edited."""

from django.contrib import admin

from core.ui.staff import StaffModelAdmin
from tests.example_app.models import Booking


@admin.register(Booking)
class BookingAdmin(StaffModelAdmin):
    """Bookings of companies."""

    list_display = ("title", "company", "mode", "created", "deleted_at")
    list_filter = ("mode", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("title", "reference", "company__name")
    list_select_related = ("company",)
