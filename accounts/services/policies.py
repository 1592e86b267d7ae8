"""A company's policies for sign-in and keys. They apply to both modes, and changes are recorded in both audit trails."""

from dataclasses import dataclass, fields
from datetime import timedelta
from uuid import UUID

from accounts.emails import mail_notice
from accounts.events import SecurityPolicyChanged
from accounts.models import LONGEST_KEY_DAYS, Company
from accounts.selectors import has_second_factor, members_without_second_factor
from core import clock
from core.errors import DomainError, FieldError, FieldErrors
from core.events import publish
from core.principal import Principal
from core.values.changes import apply_changes, as_recorded, changed_fields

LONGEST_GRACE_DAYS = 90


class OwnSecondFactorMissing(DomainError):
    """Whoever asks others for a second factor has one: the next page would send them away before anybody else."""

    code = "own_second_factor_missing"
    status = 409
    only_on_pages = True
    title = "You do not have a second factor yourself"
    fix = "Set yours up first: an authenticator app or a passkey."


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityPolicy:
    """The policy. `grace_days` counts from when MFA is first required; changing it later has no effect."""

    require_second_factor: bool = False
    grace_days: int = 14
    key_longest_days: int | None = None
    keys_need_networks: bool = False
    keys_need_second_factor: bool = False
    keys_refuse_full_access: bool = False


# The rules for keys, which are columns of the company by the same names.
KEY_RULES = tuple(rule.name for rule in fields(SecurityPolicy) if rule.name.startswith("key"))


def set_security_policy(
    *, company: Company, chosen: SecurityPolicy, user_id: UUID, actor: Principal
) -> Company:
    """Apply the policy chosen by `user_id` to the current company. Members without a second factor are notified by email.

    Raises FieldErrors, OwnSecondFactorMissing.
    """
    _check(chosen)
    company = Company.objects.select_for_update(no_key=True).get(id=company.id)
    asks_newly = chosen.require_second_factor and company.second_factor_required_from is None
    needs_own = asks_newly or (chosen.keys_need_second_factor and not company.keys_need_second_factor)
    if needs_own and not has_second_factor(user_id):
        raise OwnSecondFactorMissing
    wanted = {name: getattr(chosen, name) for name in KEY_RULES}
    wanted["second_factor_required_from"] = company.second_factor_required_from
    if asks_newly:
        wanted["second_factor_required_from"] = clock.now() + timedelta(days=chosen.grace_days)
    elif not chosen.require_second_factor:
        wanted["second_factor_required_from"] = None
    changed = changed_fields(company, wanted)
    if not changed:
        return company
    apply_changes(company, changed)
    company.save(update_fields=list(changed))
    publish(SecurityPolicyChanged(object_id=company.public_id, changes=as_recorded(changed)), actor=actor)
    if asks_newly:
        _notify_members(company)
    return company


def _check(chosen: SecurityPolicy) -> None:
    errors = []
    days = chosen.key_longest_days
    if days is not None and not 1 <= days <= LONGEST_KEY_DAYS:
        errors.append(
            FieldError("key_longest_days", "out_of_range", f"Between 1 and {LONGEST_KEY_DAYS:,} days.")
        )
    if not 0 <= chosen.grace_days <= LONGEST_GRACE_DAYS:
        errors.append(FieldError("grace_days", "out_of_range", f"Between 0 and {LONGEST_GRACE_DAYS} days."))
    if errors:
        raise FieldErrors(errors)


def _notify_members(company: Company) -> None:
    since = company.second_factor_required_from
    assert since is not None
    mail_notice(
        to=[member.user.email for member in members_without_second_factor() if member.user.is_active],
        subject=f"{company.name} requires a second factor",
        text=f"Starting {since:%d %B %Y, %H:%M} UTC, the pages of {company.name} only open for members with a second "
        "factor: an authenticator app or a passkey. You do not have one yet. API keys keep working.",
        company_name=company.name,
        page="/accounts/2fa/",
        label="Set it up",
    )
