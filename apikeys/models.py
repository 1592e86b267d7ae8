"""Keys and their secrets: the source of truth for credentials (docs/architecture.md, Keys). Plaintext secrets are never stored."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from core import clock
from core.api import versions
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel
from core.values import api_dates, ids

DEFAULT_RATE_LIMIT = 60
DEFAULT_ROTATION_DAYS = 90
MAX_NAME_LENGTH = 100
MAX_PLACE_LENGTH = 300


def newest_version() -> str:
    """Return the API version that a new key is pinned to."""
    return versions.newest().date


class ApiKey(TenantModel):
    """A credential that a company issues to one integration. Its id is the Client ID, which never changes."""

    class Kind(models.TextChoices):
        SERVER = "server", "Server"
        BROWSER = "browser", "Browser"

    class RevocationReason(models.TextChoices):
        USER = "user", "Revoked by the company"
        LEAK = "leak", "Leaked"
        STAFF = "staff", "Revoked by staff"
        OPERATOR = "operator", "Revoked by an operator's command"
        REPORTED = "reported", "Reported as leaked"

    id_prefix = "key"

    name = models.CharField(max_length=MAX_NAME_LENGTH)
    description = models.CharField(max_length=500, blank=True)
    api_version = models.CharField(
        max_length=10,
        default=newest_version,
        db_default=api_dates.FIRST,
        help_text="The date of the version of the API that its requests are of, unless they name another.",
    )
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.SERVER)
    scopes = ArrayField(models.CharField(max_length=40))
    rate_limit = models.PositiveIntegerField(
        default=DEFAULT_RATE_LIMIT,
        help_text="Requests per minute; the company's tier is the maximum when it is read.",
    )
    allowed_networks = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    # Whether those are too many to be a list (apikeys.restrictions.too_wide): SQL cannot add ranges up.
    has_wide_networks = models.BooleanField(default=False, editable=False)
    allowed_origins = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    rotation_days = models.PositiveSmallIntegerField(
        null=True, blank=True, default=DEFAULT_ROTATION_DAYS, help_text="Remind to rotate after so many days."
    )

    created_by = models.CharField(max_length=64)
    created_by_name = models.CharField(max_length=200)
    updated = models.DateTimeField()
    rotated_at = models.DateTimeField(help_text="When the newest secret was made.")
    version = models.BigIntegerField(
        default=1, help_text="Raised by every change that a cached copy must notice."
    )
    changed_at = models.DateTimeField(help_text="When version was last raised.")

    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=64, blank=True)
    revocation_reason = models.CharField(max_length=10, choices=RevocationReason, blank=True)
    leaked_at = models.DateTimeField(null=True, blank=True)
    leak_detail = models.CharField(max_length=500, blank=True)

    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True)
    expiry_notice_days = models.SmallIntegerField(
        null=True, blank=True, help_text="The last notice that was sent: 7, 1 or 0 days before the end."
    )
    rotation_reminded_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = "API key"
        permissions = [("revoke_apikey", "Can revoke a company's API key")]
        constraints = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(name="apikey_has_scopes", condition=~Q(scopes=[])),
            models.CheckConstraint(name="apikey_rate_limit_positive", condition=Q(rate_limit__gt=0)),
            models.CheckConstraint(
                name="apikey_only_browser_keys_name_origins",
                condition=Q(kind="browser") & ~Q(allowed_origins=[]) | Q(kind="server", allowed_origins=[]),
            ),
            models.CheckConstraint(
                name="apikey_revocation_is_complete",
                condition=Q(revoked_at__isnull=True, revocation_reason="")
                | (Q(revoked_at__isnull=False) & ~Q(revocation_reason="")),
            ),
        ]
        indexes = [
            tenant_index(name="apikey_newest"),
            models.Index(fields=["changed_at"], name="apikey_changed_at"),
            models.Index(
                fields=["expires_at"], name="apikey_expires_at", condition=Q(revoked_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKeySecret(TenantModel):
    """One secret of a key. A key has one active secret, or two during the overlap of a rotation."""

    class Store(models.TextChoices):
        DATABASE = "database", "Database"
        VAULT = "vault", "Vault"

    id_prefix = "sec"

    key = TenantForeignKey(ApiKey, on_delete=models.CASCADE, related_name="secrets")
    # Sorted by bytes, so that secrets of one beginning are a range of the index (apikeys.selectors.secrets_shown_as).
    locator = models.CharField(max_length=8, db_collation="C")
    tail = models.CharField(max_length=4)
    store = models.CharField(max_length=10, choices=Store, default=Store.DATABASE)
    encoded_hash = models.CharField(max_length=200, blank=True)
    fingerprint = models.CharField(max_length=200, blank=True)
    vault_path = models.CharField(max_length=200, blank=True)
    proof = models.CharField(
        max_length=100,
        blank=True,
        help_text="Hash parameters and pepper under which this secret has matched; empty until its first use.",
    )
    activated_at = models.DateTimeField(null=True, blank=True, help_text="First use.")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="End of a rotation's overlap.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True)
    last_used_agent = models.CharField(max_length=300, blank=True)
    reported_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody who has found it last told us."
    )
    reported_from = models.GenericIPAddressField(null=True, blank=True)
    reported_place = models.CharField(
        max_length=MAX_PLACE_LENGTH, blank=True, help_text="Where, in the words of whoever found it."
    )
    reported_dead = models.BooleanField(
        default=False, help_text="The secret worked no more when that report came."
    )
    report_overruled_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When an owner undid the revocation that a report had caused: later reports revoke nothing.",
    )

    class Meta(TenantModel.Meta):
        verbose_name = "secret of an API key"
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(name="apikeysecret_key", fields="key", to="apikeys.ApiKey"),
            # Deliberately global: a secret is looked up by its locator before its company is known.
            models.UniqueConstraint(name="apikeysecret_locator", fields=["locator"]),
            models.CheckConstraint(
                name="apikeysecret_verifier_is_in_its_store",
                condition=Q(store="database", vault_path="") & ~Q(encoded_hash="") & ~Q(fingerprint="")
                | Q(store="vault", encoded_hash="", fingerprint="") & ~Q(vault_path=""),
            ),
        ]

    def __str__(self) -> str:
        return self.locator


class ApiKeyScopeUse(TenantModel):
    """When a key last needed a scope; the basis of the least-privilege advice."""

    key = TenantForeignKey(ApiKey, on_delete=models.CASCADE, related_name="scope_uses")
    scope = models.CharField(max_length=40)
    last_used_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        verbose_name = "use of a scope"
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(name="apikeyscopeuse_key", fields="key", to="apikeys.ApiKey"),
            models.UniqueConstraint(name="apikeyscopeuse_once", fields=["company", "mode", "key", "scope"]),
        ]

    def __str__(self) -> str:
        return self.scope


class ApiKeyDeprecatedUse(TenantModel):
    """When a key last used something deprecated: an operation (`GET /v1/…`) or an API version (its date)."""

    key = TenantForeignKey(ApiKey, on_delete=models.CASCADE, related_name="deprecated_uses")
    what = models.CharField(max_length=200)
    last_used_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        verbose_name = "use of something deprecated"
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(name="apikeydeprecateduse_key", fields="key", to="apikeys.ApiKey"),
            models.UniqueConstraint(
                name="apikeydeprecateduse_once", fields=["company", "mode", "key", "what"]
            ),
        ]

    def __str__(self) -> str:
        return self.what


class LeakReport(models.Model):
    """A secret reported as exposed, until it has been evaluated. It has no owner yet, so only `system` can read it.

    The secret is encrypted, and deleted with its row once the report has been evaluated.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    received = models.DateTimeField(default=clock.now, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, help_text="Keyed: one row for one secret.")
    secret = models.TextField(help_text="Encrypted under FIELD_ENCRYPTION_KEYS.")
    place = models.CharField(max_length=MAX_PLACE_LENGTH, blank=True)
    ip = models.GenericIPAddressField()
    user_agent = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=40, blank=True)

    class Meta:
        verbose_name = "report of a found secret"

    def __str__(self) -> str:
        return f"from {self.ip}"
