"""People, companies, and who belongs to which."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower

from accounts.roles import Role
from core import clock
from core.postgres.constraints import CompositeForeignKey, RowLevelSecurity
from core.tenancy import CompanyModel, Tenant, TenantForeignKey
from core.values import ids

INVITATION_VALID_FOR = timedelta(days=7)
# The choices for the maximum lifetime of a company's keys.
LONGEST_KEY_DAYS = 3650
# The suspension reason of a new company that needs approval.
AWAITING = "New companies are looked at first. Until then its keys, messages, webhooks and invitations wait."


class UserManager(BaseUserManager["User"]):
    """Creates users identified by email."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; without a password they set one through "Forgot password"."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a member of staff with every permission."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Look up a user by email, case-insensitively."""
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Signs in by email; belongs to companies through memberships; `is_staff` opens the staff site."""

    id_prefix: ClassVar[str] = "usr"

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField("staff", default=False)
    is_active = models.BooleanField("active", default=True)
    created = models.DateTimeField(default=clock.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="accounts_user_email_lower")
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def public_id(self) -> str:
        """The identifier that people and programs see."""
        return ids.encode(self.id_prefix, self.id)

    @property
    def display_name(self) -> str:
        """The name shown on pages and in the audit trail."""
        return self.name or self.email

    def clean(self) -> None:
        """Store the email in lower case, so that accounts cannot differ by case only."""
        super().clean()
        self.email = self.email.strip().lower()


class Company(models.Model):
    """A tenant. `version` increases with every change that invalidates cached grants (docs/architecture.md, Keys)."""

    class Tiers(models.TextChoices):
        """The tiers a company can subscribe to; billing.entitlements defines their limits."""

        STARTER = "starter", "Starter"
        PRO = "pro", "Pro"
        ENTERPRISE = "enterprise", "Enterprise"

    id_prefix: ClassVar[str] = "co"

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    tier = models.CharField(max_length=20, choices=Tiers, default=Tiers.STARTER)
    limit_overrides = models.JSONField(default=dict, blank=True)
    version = models.BigIntegerField(default=1, editable=False)
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=500, blank=True)
    revoke_reported_keys = models.BooleanField(
        default=True, help_text="Revoke a server key at once when somebody who found its secret reports it."
    )
    # The company's policies for members and keys (accounts.services.policies, apikeys.policy).
    second_factor_required_from = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Members without a second factor are sent to set one up from then on.",
    )
    key_longest_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="A key ends at most so many days after its secret was made."
    )
    keys_need_networks = models.BooleanField(
        default=False, help_text="A server key names the addresses it is used from."
    )
    keys_need_second_factor = models.BooleanField(
        default=False, help_text="Only who has a second factor makes or changes keys."
    )
    keys_refuse_full_access = models.BooleanField(default=False, help_text="No key has every scope there is.")
    # When bodies of requests are kept for the request log (accounts.services.request_bodies). Without a beginning none are,
    # and none that were kept before it are shown.
    test_bodies_from = models.DateTimeField(null=True, blank=True, default=clock.now, editable=False)
    test_bodies_until = models.DateTimeField(null=True, blank=True, editable=False)
    live_bodies_from = models.DateTimeField(null=True, blank=True, editable=False)
    live_bodies_until = models.DateTimeField(null=True, blank=True, editable=False)
    created = models.DateTimeField(default=clock.now, editable=False)
    created_from = models.CharField(
        max_length=50,
        blank=True,
        editable=False,
        help_text="The address it was created from, of IPv6 its /64.",
    )

    class Meta:
        verbose_name_plural = "companies"
        indexes = [
            models.Index(
                fields=["created_from", "id"],
                name="accounts_company_from",
                condition=~models.Q(created_from=""),
            )
        ]
        permissions = [
            ("suspend_company", "Can suspend a company"),
            ("resume_company", "Can resume a company"),
        ]
        constraints = [
            RowLevelSecurity(name="accounts_company_rls", company_column="id", mode_column=None),
            models.CheckConstraint(
                condition=models.Q(tier__in=["starter", "pro", "enterprise"]), name="accounts_company_tier"
            ),
            models.CheckConstraint(
                condition=models.Q(key_longest_days=None)
                | models.Q(key_longest_days__range=(1, LONGEST_KEY_DAYS)),
                name="accounts_company_key_days",
            ),
            # In live mode there is always an end.
            models.CheckConstraint(
                condition=models.Q(live_bodies_from=None, live_bodies_until=None)
                | models.Q(
                    live_bodies_from__isnull=False,
                    live_bodies_until__isnull=False,
                    live_bodies_from__lte=models.F("live_bodies_until"),
                ),
                name="accounts_company_live_bodies",
            ),
            models.CheckConstraint(
                condition=models.Q(test_bodies_until=None)
                | models.Q(
                    test_bodies_from__isnull=False, test_bodies_from__lte=models.F("test_bodies_until")
                ),
                name="accounts_company_test_bodies",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        """The identifier that people and programs see."""
        return ids.encode(self.id_prefix, self.id)

    def bodies_period(self, mode: str) -> tuple[datetime | None, datetime | None]:
        """Return from when and until when bodies of requests in `mode` are kept; without a beginning none are."""
        if mode == "test":
            return self.test_bodies_from, self.test_bodies_until
        return self.live_bodies_from, self.live_bodies_until

    @property
    def live_tenant(self) -> Tenant:
        """The tenant in which company-wide events are recorded."""
        return Tenant(self.id, "live")


class Membership(CompanyModel):
    """A person's role in a company."""

    id_prefix = "mem"

    class FirstSteps(models.TextChoices):
        """The state of the first steps on the member's overview, shared by both modes."""

        OPEN = "open", "Open"
        COLLAPSED = "collapsed", "Collapsed"
        DISMISSED = "dismissed", "Dismissed"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=20, choices=Role)
    first_steps = models.CharField(max_length=9, choices=FirstSteps, default=FirstSteps.OPEN)

    class Meta(CompanyModel.Meta):
        constraints = [
            *CompanyModel.Meta.constraints,
            models.UniqueConstraint(fields=["company", "user"], name="accounts_membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="accounts_membership_role"),
            models.CheckConstraint(
                condition=models.Q(first_steps__in=["open", "collapsed", "dismissed"]),
                name="accounts_membership_first_steps",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role}"


def _invitation_expiry() -> datetime:
    return clock.now() + INVITATION_VALID_FOR


class Invitation(CompanyModel):
    """An invitation to a role, sent by email. Only the token's SHA-256 is stored."""

    id_prefix = "inv"

    email = models.EmailField()
    role = models.CharField(max_length=20, choices=Role)
    token_hash = models.BinaryField(max_length=32)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    invited_from = models.CharField(
        max_length=50, blank=True, help_text="The address it was sent from, of IPv6 its /64."
    )
    expires = models.DateTimeField(default=_invitation_expiry)
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta(CompanyModel.Meta):
        constraints = [
            *CompanyModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["company", "email"],
                name="accounts_invitation_open",
                condition=models.Q(accepted_at__isnull=True, revoked_at__isnull=True),
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="accounts_invitation_role"),
        ]
        indexes = [
            models.Index(fields=["token_hash"], name="accounts_invitation_token"),
            models.Index(fields=["email", "id"], name="accounts_invitation_email"),
            models.Index(fields=["invited_from", "id"], name="accounts_invitation_from"),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role}"


class SavedFilter(CompanyModel):
    """Filters of a list that a member has saved under a name. Shared by both modes, visible only to the member."""

    id_prefix = "flt"

    member = TenantForeignKey(Membership, on_delete=models.CASCADE, related_name="+")
    page = models.CharField(max_length=100, help_text="The path of the list.")
    query = models.CharField(max_length=1000, help_text="What its address says after the question mark.")
    name = models.CharField(max_length=60)
    removed_at = models.DateTimeField(null=True)

    class Meta(CompanyModel.Meta):
        constraints = [
            *CompanyModel.Meta.constraints,
            CompositeForeignKey(
                name="accounts_savedfilter_member", fields="member", to="accounts.Membership", with_mode=False
            ),
            models.UniqueConstraint(
                fields=["company", "member", "page", "name"],
                name="accounts_savedfilter_name",
                condition=models.Q(removed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """The URL of the list with the filters applied."""
        return f"{self.page}?{self.query}"
