"""A demo company for the first start, made through the same services and commands an operator would use."""

import io
import json
import secrets
from typing import Any

from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.db import transaction

from accounts.models import Company, User
from accounts.services import create_company
from billing.services import create_customer
from core.principal import Principal
from core.tenancy import Tenant, tenant_context

COMPANY = "Demo Company"
EMAIL = "owner@demo.example"
# Enough for a first program against customers, invoices, charges, messages and webhooks.
SCOPES = (
    "customers:read,customers:write,invoices:read,invoices:write,charges:read,charges:write,messaging:read,"
    "messaging:send,analytics:read,webhooks:read,webhooks:write,events:read,audit:read"
)
CUSTOMERS = (
    {"name": "Ada Lovelace", "email": "ada@analytical.example", "external_id": "crm-1001"},
    {"name": "Grace Hopper", "email": "grace@compilers.example", "external_id": "crm-1002"},
    {"name": "Katherine Johnson", "email": "katherine@orbits.example", "external_id": "crm-1003"},
    {"name": "Radia Perlman", "email": "radia@spanning-tree.example", "external_id": "crm-1004"},
)


def seed_demo() -> dict[str, Any]:
    """Create the demo company with its owner, customers and keys, and return what to show once.

    Returns an empty dict when somebody has signed up already: a platform in use is never seeded. All or nothing, so
    that an interrupted first start is simply begun again.
    """
    with transaction.atomic():
        if User.objects.exists():
            return {}
        password = secrets.token_urlsafe(12)
        owner = User.objects.create_user(EMAIL, password, name="Demo Owner")
        EmailAddress.objects.create(user=owner, email=EMAIL, verified=True, primary=True)
        actor = Principal.system("demo")
        company = create_company(name=COMPANY, owner=owner, actor=actor, tier=Company.Tiers.PRO)
        for mode in ("live", "test"):
            with tenant_context(Tenant(company.id, mode)):
                for customer in CUSTOMERS:
                    create_customer(actor=actor, **customer)
        keys = {mode: _issue_key(company, mode) for mode in ("live", "test")}
    return {"company": COMPANY, "email": EMAIL, "password": password, **keys}


def _issue_key(company: Company, mode: str) -> dict[str, str]:
    output = io.StringIO()
    call_command(
        "issue_key",
        company=company.public_id,
        name=f"Demo ({mode})",
        mode=mode,
        scopes=SCOPES,
        json=True,
        stdout=output,
    )
    return json.loads(output.getvalue())
