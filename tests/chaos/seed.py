"""Runs in the platform's environment: creates a company with a key and an endpoint, and prints them as JSON."""

from __future__ import annotations

import json
import secrets
import sys

import django

django.setup()

from django.db import transaction  # noqa: E402

from accounts.models import Company, User  # noqa: E402
from accounts.services import create_company  # noqa: E402
from apikeys.services import KeySettings, create_key, prepare_secret  # noqa: E402
from core.principal import Principal  # noqa: E402
from core.tenancy import system_context, tenant_context  # noqa: E402
from webhooks.services.endpoints import create_endpoint  # noqa: E402

ACTOR = Principal.system("chaos")


def main(receiver_url: str) -> None:
    """Create what the writers and the receiver need."""
    with transaction.atomic():
        owner = User.objects.create_user(f"owner-{secrets.token_hex(4)}@example.com", None, name="Owner")
        company = create_company(name="Chaos", owner=owner, tier="enterprise", actor=ACTOR)
    with system_context(reason="chaos"):
        Company.objects.filter(id=company.id).update(limit_overrides={"requests_per_minute": 100_000})
    secret = prepare_secret(company.live_tenant)
    with tenant_context(company.live_tenant):
        key = create_key(
            chosen=KeySettings(name="writer", scopes=["customers:write"], rate_limit=100_000),
            secret=secret,
            actor=ACTOR,
        )
        _, signing_secret = create_endpoint(actor=ACTOR, url=receiver_url, events=["customer.*"])
    sys.stdout.write(
        json.dumps({"company": str(company.id), "key": key.client_secret, "secret": signing_secret})
    )


if __name__ == "__main__":
    main(sys.argv[1])
