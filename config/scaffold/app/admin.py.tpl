"""{{ title }} on the staff site, read-only."""

from django.contrib import admin

from {{ app }}.models import {{ model }}
from core.ui.staff import StaffModelAdmin


@admin.register({{ model }})
class {{ model }}Admin(StaffModelAdmin):
    """{{ title }} of all companies."""

    list_display = ({% for name in admin_columns %}"{{ name }}", {% endfor %}"company", "mode", "created", "deleted_at")
    list_filter = ("mode", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ({% for name in searched %}"{{ name }}", {% endfor %}"company__name",)
    list_select_related = ("company",)
