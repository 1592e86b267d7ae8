"""The small world of every test: two companies, their members, and their objects.

Commits are real and nothing is flushed between tests, so every test creates its own world and never counts globally.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts import services
from accounts.models import Company, Membership, User
from accounts.roles import Role
from apikeys.services import IssuedKey, KeySettings, NewSecret, create_key, prepare_secret
from billing.models import Customer, Seller
from billing.services import create_customer
from core import clock
from core.postgres.later import send_later
from core.postgres.rows import insert_rows
from core.principal import Mode, Principal
from core.security.crypto import encrypt_text
from core.tenancy import Tenant, require_tenant, tenant_context
from core.values import ids
from messaging import signing
from messaging.models import DkimKey, SenderDomain, SmsCountries, SmsSender
from messaging.services.sender_domains import KEYS

PASSWORD = "correct-horse-battery-staple-9"

# The VAT ID is python-stdnum's example.
SELLER: dict[str, Any] = {
    "legal_name": "Acme Maschinenbau GmbH",
    "address": {"line1": "Amboßstraße 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
    "tax_ids": [{"type": "eu_vat", "value": "DE136695976"}],
}

# The rest of a seller's columns.
_PLAIN_SELLER = {"footer": "", "number_prefix": "", "language": "en"}

SYSTEM = Principal.system("tests")


@dataclass(frozen=True, slots=True)
class World:
    """Two companies. `owner` and `teammate` (a developer) belong to the first, `outsider` owns the second."""

    company: Company
    owner: User
    teammate: User
    other_company: Company
    outsider: User

    def tenant(self, mode: Mode = "live") -> Tenant:
        """Return the company's tenant."""
        return Tenant(self.company.id, mode)

    def other_tenant(self, mode: Mode = "live") -> Tenant:
        """Return the other company's tenant."""
        return Tenant(self.other_company.id, mode)


def make_user(name: str = "someone", **fields: Any) -> User:
    """Create a user with a verified email address and the common test password."""
    [user] = _make_users([name], **fields)
    return user


def _make_users(names: Sequence[str], **fields: Any) -> list[User]:
    """Create users with two statements, because nearly every test needs three."""
    users = [
        User(
            email=f"{name}-{secrets.token_hex(4)}@example.com".lower(),
            password=_hashed(),
            name=name.title(),
            **fields,
        )
        for name in names
    ]
    with transaction.atomic():
        User.objects.bulk_create(users)
        send_later(
            'INSERT INTO account_emailaddress (user_id, email, verified, "primary")'
            " SELECT person, email, true, true FROM unnest(%s::uuid[], %s::text[]) AS made(person, email)",
            [[user.id for user in users], [user.email for user in users]],
        )
    return users


@lru_cache(maxsize=1)
def _hashed() -> str:
    return make_password(PASSWORD)


def make_company(name: str, owner: User, *, tier: str = Company.Tiers.STARTER) -> Company:
    """Create a company owned by `owner` that may issue invoices in the EU."""
    with transaction.atomic():
        company = services.create_company(name=name, owner=owner, tier=tier, actor=SYSTEM)
        with tenant_context(company.live_tenant):
            insert_rows(Seller, [{**_PLAIN_SELLER, **SELLER, "updated": clock.now()}])
    return company


def make_seller(tenant: Tenant, **fields: Any) -> Seller:
    """Set the seller of `tenant` to a company that may issue invoices in the EU, without publishing an event."""
    with tenant_context(tenant):
        Seller.objects.all().delete()
        seller: Seller = Seller.objects.create(**{**SELLER, **fields})
    return seller


def join(company: Company, user: User, role: str) -> Membership:
    """Make `user` a member of `company`."""
    with tenant_context(company.live_tenant):
        member: Membership = Membership.objects.create(user=user, role=role)
    return member


def _join_later(company: Company, user: User, role: str) -> None:
    """As `join`, with a deferred statement (core.postgres)."""
    with tenant_context(company.live_tenant):
        send_later(
            "INSERT INTO accounts_membership (id, company_id, created, user_id, role, first_steps)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [ids.new_id(), company.id, clock.now(), user.id, role, Membership.FirstSteps.OPEN],
        )


def make_world(*, tier: str = Company.Tiers.STARTER) -> World:
    """Create a world in which both companies have the same `tier`."""
    # In one transaction, because every test pays for it.
    with transaction.atomic():
        owner, teammate, outsider = _make_users(["owner", "teammate", "outsider"])
        company = make_company("Acme", owner, tier=tier)
        _join_later(company, teammate, Role.DEVELOPER)
        other_company = make_company("Globex", outsider, tier=tier)
    return World(
        company=company, owner=owner, teammate=teammate, other_company=other_company, outsider=outsider
    )


def make_key(
    company: Company, scopes: Sequence[str] = ("customers:read",), mode: Mode = "live", **chosen: Any
) -> IssuedKey:
    """Create a key of `company`. `chosen` are additional KeySettings."""
    settings = KeySettings(**{"name": "integration", "scopes": scopes, **chosen})
    secret = prepare_secret(Tenant(company.id, mode))
    with tenant_context(Tenant(company.id, mode)):
        return create_key(chosen=settings, secret=secret, actor=SYSTEM)


def new_secret() -> NewSecret:
    """Create a secret for a key of the current tenant."""
    return prepare_secret(require_tenant())


@lru_cache(maxsize=1)
def dkim_key() -> tuple[str, str]:
    """Return a DKIM key, always the same one, because generating one is slow."""
    return signing.new_key()


def prove_domain(tenant: Tenant, domain: str = "acme.example") -> SenderDomain:
    """Create a verified sender domain of `tenant`, for live email."""
    private, public = dkim_key()
    now = clock.now()
    with tenant_context(tenant):
        row: SenderDomain = SenderDomain.objects.create(
            domain=domain, token=secrets.token_hex(20), status="verified", verified_at=now, checked_at=now
        )
        DkimKey.objects.bulk_create(
            DkimKey(
                domain=row,
                selector=f"pm{secrets.token_hex(4)}",
                public_key=public,
                private_key=encrypt_text(private),
                verified=True,
            )
            for _ in range(KEYS)
        )
    return row


def ensure_domain(tenant: Tenant) -> None:
    """Create the verified domain acme.example for `tenant`, unless it has one already."""
    with tenant_context(tenant):
        has_one = SenderDomain.objects.filter(status="verified").exists()
    if not has_one:
        prove_domain(tenant)


def prove_sms(tenant: Tenant, sender: str = "Acme", countries: Sequence[str] = ("DE",)) -> SmsSender:
    """Create an approved SMS sender of `tenant` for these countries."""
    with tenant_context(tenant):
        SmsCountries.objects.update_or_create(defaults={"countries": list(countries)})
        row: SmsSender = SmsSender.objects.create(
            sender=sender, sender_normalized=sender.lower(), status="approved", reason="tests"
        )
    return row


def prove_senders(world: World) -> None:
    """Allow both companies of `world` to send live email and SMS, from acme.example and globex.example."""
    for tenant, domain in ((world.tenant(), "acme.example"), (world.other_tenant(), "globex.example")):
        prove_domain(tenant, domain)
        prove_sms(tenant)


def insert_customer_later(name: str = "Ada", **fields: Any) -> None:
    """Insert a minimal customer of the current tenant with a deferred statement (core.postgres)."""
    unset = {"email": "", "email_normalized": "", "phone": "", "metadata": {}, "updated": clock.now()}
    insert_rows(Customer, [{**unset, "name": name, **fields}])


def make_customer(tenant: Tenant, **fields: Any) -> Customer:
    """Create a customer of `tenant`."""
    with tenant_context(tenant):
        return create_customer(actor=SYSTEM, **{"name": "Ada Lovelace", **fields})
