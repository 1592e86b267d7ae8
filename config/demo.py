"""A demo company for the first start, created with the same services and commands an operator would use."""

import io
import json
import secrets
from typing import Any

from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.db import transaction

from accounts.models import Company, User
from accounts.selectors import memberships_of
from accounts.services import create_company
from apikeys.models import ApiKey
from billing.services import create_customer, update_seller
from core.api.scopes import SCOPES
from core.principal import Mode, Principal
from core.tenancy import Tenant, tenant_context

COMPANY = "Demo Company"
EMAIL = "owner@demo.example"
MODES: tuple[Mode, ...] = ("live", "test")
# Outside the European Union, so that its invoices need no real tax id.
SELLER = {
    "legal_name": "Demo Company Ltd",
    "address": {"line1": "1 Example Street", "city": "Springfield", "country": "US"},
}
CUSTOMERS = (
    {"name": "Ada Lovelace", "email": "ada@analytical.example", "external_id": "crm-1001"},
    {"name": "Grace Hopper", "email": "grace@compilers.example", "external_id": "crm-1002"},
    {"name": "Katherine Johnson", "email": "katherine@orbits.example", "external_id": "crm-1003"},
    {"name": "Radia Perlman", "email": "radia@spanning-tree.example", "external_id": "crm-1004"},
)


def seed_demo() -> dict[str, Any]:
    """Create the demo company with its owner, customers and keys. Return the credentials, which are shown once.

    Returns an empty dict if somebody has signed up already: a platform in use is never seeded. A first start that was
    interrupted before the last key is resumed, because nothing has been shown yet.
    """
    owner = User.objects.filter(email=EMAIL).first()
    if owner is None:
        if User.objects.exists():
            return {}
        owner, company = _create_company()
    else:
        company = memberships_of(owner)[0].company
        with tenant_context(Tenant(company.id, MODES[-1])):
            if ApiKey.objects.exists():
                return {}
    # Keys and password are created outside that transaction, because hashing is slow.
    keys: dict[str, Any] = {str(mode): _issue_key(company, mode) for mode in MODES}
    password = secrets.token_urlsafe(12)
    owner.set_password(password)
    owner.save(update_fields=["password"])
    return {"company": COMPANY, "email": EMAIL, "password": password, **keys}


def _create_company() -> tuple[User, Company]:
    with transaction.atomic():
        owner = User.objects.create_user(EMAIL, password=None, name="Demo Owner")
        EmailAddress.objects.create(user=owner, email=EMAIL, verified=True, primary=True)
        actor = Principal.system("demo")
        company = create_company(name=COMPANY, owner=owner, actor=actor, tier=Company.Tiers.PRO)
        for mode in MODES:
            with tenant_context(Tenant(company.id, mode)):
                update_seller(actor=actor, **SELLER)
                for customer in CUSTOMERS:
                    create_customer(actor=actor, **customer)
    return owner, company


def _issue_key(company: Company, mode: Mode) -> dict[str, str]:
    output = io.StringIO()
    call_command(
        "issue_key",
        company=company.public_id,
        name=f"Demo ({mode})",
        mode=mode,
        scopes=",".join(SCOPES),  # so that everything can be tried; the demo has no valuable data
        json=True,
        stdout=output,
    )
    return json.loads(output.getvalue())
