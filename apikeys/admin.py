"""API keys on the staff site. Neither secrets nor their hashes are shown."""

from django.contrib import admin
from django.http import HttpRequest

from apikeys.models import ApiKey
from apikeys.services import revoke_key
from core.tenancy import tenant_context
from core.ui.staff import StaffModelAdmin, reason_action, staff_principal


def _may_be_used(key: ApiKey) -> bool:
    return key.revoked_at is None


@admin.register(ApiKey)
class ApiKeyAdmin(StaffModelAdmin):
    """Find a key of any company, see its permissions and last use, and revoke it."""

    list_display = ("name", "company", "mode", "kind", "last_used_at", "expires_at", "revoked_at", "created")
    list_filter = (
        "mode",
        "kind",
        ("revoked_at", admin.EmptyFieldListFilter),
        ("leaked_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("name", "company__name", "company__slug")
    list_select_related = ("company",)
    fields = (
        "public_id", "name", "description", "company", "mode", "kind", "scopes", "rate_limit", "allowed_networks",
        "allowed_origins", "expires_at", "rotation_days", "rotated_at", "created", "created_by_name", "last_used_at",
        "last_used_ip", "revoked_at", "revocation_reason", "leaked_at", "leak_detail",
    )  # fmt: skip
    readonly_fields = ("public_id",)
    actions = ("revoke",)

    @reason_action(description="Revoke key", permission="apikeys.revoke_apikey", when=_may_be_used)
    def revoke(self, request: HttpRequest, key: ApiKey, *, reason: str) -> str:
        """Revoke the key in every process immediately. The company sees the reason and cannot undo it."""
        with tenant_context(key.tenant):
            revoke_key(
                key=key,
                actor=staff_principal(request),
                reason=ApiKey.RevocationReason.STAFF,
                detail=reason,
            )
        return f"{key.name} of {key.company.name} is revoked: every request with it is refused from now on."
