"""Forms of the team, company and profile pages. They parse; the services decide."""

from collections.abc import Sequence
from typing import Any

from allauth.account.forms import AddEmailForm, LoginForm, ResetPasswordForm, SignupForm
from django import forms
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from django.utils.text import slugify

from accounts.models import LONGEST_KEY_DAYS, Company, Membership, User
from accounts.roles import Role, at_least
from accounts.services import SecurityPolicy
from accounts.services.policies import KEY_RULES, LONGEST_GRACE_DAYS
from core.ui.forms import ServiceForm
from core.values.email_addresses import InvalidEmail, parse_email
from core.values.form_fields import EmailAddressField, NameField, WholeNumberField

ROLE_EXPLANATIONS = {
    Role.OWNER: "Owner: everything, including the plan and the company itself",
    Role.ADMIN: "Admin: also the team and company settings",
    Role.DEVELOPER: "Developer: keys, webhooks and data",
    Role.VIEWER: "Viewer: read-only access",
}


def role_choices(own_role: str) -> list[tuple[str, str]]:
    """Return the roles that somebody with `own_role` may assign, lowest first."""
    return [
        (role.value, text) for role, text in reversed(ROLE_EXPLANATIONS.items()) if at_least(own_role, role)
    ]


class PersonalAddressField(EmailAddressField):
    """The email address of an account. Validated like a customer's, and stored in lower case."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"autocomplete": "email", "placeholder": "Email address"}
        super().__init__(**{"label": "Email", "max_length": 254, "widget": forms.EmailInput(attrs), **kwargs})

    def to_python(self, value: Any) -> str:
        """Parse the address. Raises ValidationError."""
        return super().to_python(value).lower()


class SignUpForm(SignupForm):
    """allauth's form, which responds the same if the address has an account; this one also takes the same time."""

    email = PersonalAddressField()

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Create the account. For a taken address, hash the password anyway, because that takes most of the time."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        saved: tuple[User | None, HttpResponse | None] = super().try_save(request)
        return saved


class SignInForm(LoginForm):
    """allauth's form, accepting both spellings of an internationalized domain."""

    remember = forms.BooleanField(label="Remember me", required=False)

    def clean_login(self) -> str:
        """Return the normalized address. An invalid one gets the same error as an unknown one."""
        login: str = super().clean_login()
        try:
            return parse_email(login).lower()
        except InvalidEmail:
            return login


class AddAddressForm(AddEmailForm):
    """Adds another email address to an account."""

    email = PersonalAddressField()


class RequestPasswordResetForm(ResetPasswordForm):
    """Requests a password reset email."""

    email = PersonalAddressField()


class CreateCompanyForm(forms.Form):
    """Creates a company, the first step of a new user."""

    name = NameField(
        label="Company name",
        min_length=2,
        max_length=100,
        help_text="The name your customers know. You can change it later.",
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autofocus": True}),
    )


class CompanyForm(forms.ModelForm):
    """Name and short name of a company, and what happens to a key whose secret is reported as exposed."""

    name = NameField(max_length=100)

    class Meta:
        model = Company
        fields = ("name", "slug", "revoke_reported_keys")
        labels = {
            "slug": "Short name",
            "revoke_reported_keys": "Revoke a server key immediately when its secret is reported as leaked",
        }
        help_texts = {
            "slug": "Lowercase letters, digits and hyphens. Operator commands accept it.",
            "revoke_reported_keys": "Only a report of the whole secret counts, since anyone who has it can "
            "do what the key can. An owner can undo the revocation for 60 minutes. Otherwise, owners are "
            "notified and the key keeps working.",
        }

    def clean_slug(self) -> str:
        """Return the short name as it is stored. The service checks that it is free."""
        slug = slugify(self.cleaned_data["slug"])
        if not slug:
            raise forms.ValidationError("Use at least one letter or digit.")
        return slug

    def validate_unique(self) -> None:
        """Do nothing: row-level security hides other companies, so only the database can check uniqueness."""


class SecurityPolicyForm(ServiceForm):
    """The company's policies for members and keys."""

    require_second_factor = forms.BooleanField(label="Members need a second factor", required=False)
    grace_days = WholeNumberField(
        label="Grace period (days)",
        min_value=0,
        max_value=LONGEST_GRACE_DAYS,
        initial=14,
        help_text="Counted from now. After that, members without one must set it up before they can open any other page.",
    )
    key_longest_days = WholeNumberField(
        label="Maximum key lifetime (days)",
        min_value=1,
        max_value=LONGEST_KEY_DAYS,
        required=False,
        help_text="Counted from when the secret was created; a rotation restarts it. Leave empty if keys need not expire.",
    )
    keys_need_networks = forms.BooleanField(
        label="Server keys must list the addresses they are used from", required=False
    )
    keys_need_second_factor = forms.BooleanField(
        label="Only members with a second factor can create, edit or rotate keys", required=False
    )
    keys_refuse_full_access = forms.BooleanField(label="Keys cannot have every scope", required=False)

    @classmethod
    def for_company(cls, company: Company, data: Any = None) -> "SecurityPolicyForm":
        """Return the form with the current values. It asks for the grace period only while MFA is not required."""
        initial = {name: getattr(company, name) for name in KEY_RULES}
        is_required = company.second_factor_required_from is not None
        form = cls(data, initial={**initial, "require_second_factor": is_required})
        if is_required:
            del form.fields["grace_days"]
        return form

    @property
    def key_rules(self) -> list[forms.BoundField]:
        """The fields about keys, which the page shows apart."""
        return [self[name] for name in KEY_RULES]

    def chosen(self) -> SecurityPolicy:
        """Return the policy of a valid form."""
        return SecurityPolicy(**self.cleaned_data)


class TransferForm(forms.Form):
    """The new owner of the company, and the reason for the transfer."""

    member = forms.ChoiceField(label="New owner")
    reason = forms.CharField(
        min_length=5,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Emailed to both of you and recorded in the audit trail.",
    )

    def __init__(self, *args: Any, members: Sequence[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["member"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (member.public_id, f"{member.user.display_name} ({member.user.email}), {member.role}")
            for member in members
        ]


class _GrantsRole(forms.Form):
    """A form with a `role`, which offers those that the person may grant."""

    def __init__(self, *args: Any, own_role: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = role_choices(own_role)


class InviteForm(_GrantsRole):
    """An invitation by email."""

    email = PersonalAddressField(label=None, widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(initial=Role.DEVELOPER)


class RoleForm(_GrantsRole):
    """Changes a member's role."""

    role = forms.ChoiceField()


class ProfileForm(forms.ModelForm):
    """A person's public profile."""

    name = NameField(
        max_length=150,
        required=False,
        help_text="Shown to your team and in the audit trail. Without one, your email address is shown.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    class Meta:
        model = User
        fields = ("name",)
