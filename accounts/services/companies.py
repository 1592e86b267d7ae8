"""Creating, changing and suspending companies."""

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.text import slugify

from accounts.events import CompanyCreated, CompanyResumed, CompanySuspended, CompanyUpdated
from accounts.models import AWAITING, Company, Membership, User
from accounts.roles import Role
from accounts.selectors import owner_emails
from accounts.services.allowances import CompanyCreationClosed, check_company_limits
from accounts.services.names import checked_name
from accounts.services.tier_lock import lock_tiers
from core import clock
from core.errors import DomainError
from core.events import publish
from core.http.addresses import client_group
from core.mail.decisions import mail_decision
from core.postgres.failures import broken_constraint, refusing
from core.principal import Principal
from core.tenancy import Tenant, tenant_context
from core.valkey import fences
from core.values import ids
from core.values.changes import apply_changes, changed_fields


class SlugTaken(DomainError):
    """Another company already has this short name."""

    code = "slug_taken"
    status = 409
    only_on_pages = True
    title = "This short name is taken"
    fix = "Choose another short name."


_SLUG_KEY = "accounts_company_slug_key"
_LONGEST_WANTED = 45  # leaves room for a suffix of 13


def register_company(*, name: str, owner: User, actor: Principal) -> Company:
    """Create a company requested on a page, within `COMPANY_CREATION` and the limits of accounts.services.allowances.

    If new companies need approval, it is suspended until staff resume it. Raises CompanyCreationClosed,
    CompanyLimitReached, FieldErrors.
    """
    if settings.COMPANY_CREATION == "closed":
        raise CompanyCreationClosed("Only the operator of this Pomelo can create companies.")
    with transaction.atomic():
        check_company_limits(owner=owner, address=actor.ip)
        company = create_company(name=name, owner=owner, actor=actor)
        if settings.COMPANY_CREATION == "approved":
            suspend_company(
                company=company, reason=AWAITING, actor=Principal.system("accounts.register_company")
            )
    return company


def create_company(
    *, name: str, owner: User, actor: Principal, slug: str = "", tier: str = Company.Tiers.STARTER
) -> Company:
    """Create a company with `owner` as its owner.

    Without a `slug` one is generated from the name. Raises FieldErrors for an invalid name, SlugTaken if the given slug is
    taken.
    """
    name = checked_name(name, longest=100)
    company_id = ids.new_id()
    wanted = slugify(slug or name)[:_LONGEST_WANTED] or "company"
    # A generated slug that collides is generated again, longer, because there is no choice for the owner to correct.
    candidates = [wanted] if slug else [f"{wanted}-{company_id.hex[-length:]}" for length in (6, 12)]
    with tenant_context(Tenant(company_id, "live")):
        lock_tiers()
        company = Company(
            id=company_id, name=name, tier=tier, created_from=client_group(actor.ip) if actor.ip else ""
        )
        _insert_with_free_slug(company, candidates)
        Membership.objects.create(user=owner, role=Role.OWNER)
        publish(
            CompanyCreated(
                object_id=company.public_id, detail={"name": company.name, "owner": owner.email, "tier": tier}
            ),
            actor=actor,
        )
    return company


def _insert_with_free_slug(company: Company, candidates: list[str]) -> None:
    """Insert the company with the first available candidate. Raises SlugTaken if none is available."""
    for slug in candidates:
        company.slug = slug
        try:
            with transaction.atomic():
                company.save(force_insert=True)
        except IntegrityError as error:
            if broken_constraint(error) != _SLUG_KEY:
                raise
        else:
            return
    raise SlugTaken(f"The short name {candidates[-1]} is taken.")


def update_company(*, company: Company, actor: Principal, name: str, slug: str, **columns: object) -> Company:
    """Rename the company, and set these other columns of it. Raises FieldErrors, SlugTaken."""
    chosen = {"name": checked_name(name, longest=100), "slug": slugify(slug)[:60], **columns}
    changes = changed_fields(company, chosen)
    if not changes:
        return company
    apply_changes(company, changes)
    company.version = F("version") + 1
    with refusing(_SLUG_KEY, lambda: SlugTaken(f"The short name {company.slug} is taken.")):
        company.save(update_fields=[*changes, "version"])
    make_grants_stale(company)
    publish(CompanyUpdated(object_id=company.public_id, changes=changes), actor=actor)
    return company


def suspend_company(*, company: Company, reason: str, actor: Principal) -> Company:
    """Stop a company's keys, sends and deliveries immediately. Nothing is lost, and `resume_company` undoes it."""
    with tenant_context(company.live_tenant):
        company.suspended_at, company.suspended_reason = clock.now(), reason
        _save_suspension(company)
        publish(CompanySuspended(object_id=company.public_id, detail={"reason": reason}), actor=actor)
    return company


def resume_company(*, company: Company, reason: str, actor: Principal) -> Company:
    """Lift a suspension. If the company was waiting for approval, its owners are notified by email."""
    with tenant_context(company.live_tenant):
        if company.suspended_reason == AWAITING:
            mail_decision(
                to=owner_emails(),
                subject=f"{company.name} is approved",
                text=f"{company.name} is approved: its keys, messages, webhooks and invitations now work.",
                reason=reason,
                company_name=company.name,
                page="/",
                label="Open the dashboard",
            )
        company.suspended_at, company.suspended_reason = None, ""
        _save_suspension(company)
        publish(CompanyResumed(object_id=company.public_id, detail={"reason": reason}), actor=actor)
    return company


def _save_suspension(company: Company) -> None:
    company.version = F("version") + 1
    company.save(update_fields=["suspended_at", "suspended_reason", "version"])
    make_grants_stale(company)


def make_grants_stale(company: Company) -> None:
    """Have every key's cached grant read again, once the company's raised version is committed."""
    company.refresh_from_db(fields=["version"])
    fences.raise_after_commit(fences.company_fence(company.id), company.version)
