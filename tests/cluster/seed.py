"""Runs in the platform's environment after tests.chaos.seed: creates a key with the limit in argv[2] and keys to revoke, as JSON."""

from __future__ import annotations

import json
import sys
import uuid

import django

django.setup()

from apikeys.services import KeySettings, create_key, prepare_secret  # noqa: E402
from core.principal import Principal  # noqa: E402
from core.tenancy import Tenant, tenant_context  # noqa: E402

ACTOR = Principal.system("cluster")


def main(company: str, limit: str, to_revoke: str) -> None:
    """Create the keys."""
    tenant = Tenant(uuid.UUID(company), "live")

    def make(name: str, rate_limit: int) -> tuple[str, str]:
        secret = prepare_secret(tenant)
        with tenant_context(tenant):
            made = create_key(
                chosen=KeySettings(name=name, scopes=["customers:read"], rate_limit=rate_limit),
                secret=secret,
                actor=ACTOR,
            )
        return made.key.public_id, made.client_secret

    _, limited = make("limited", int(limit))
    keys = [make(f"revoked {number}", 100_000) for number in range(int(to_revoke))]
    sys.stdout.write(json.dumps({"limited": limited, "keys": keys}))


if __name__ == "__main__":
    main(*sys.argv[1:])
