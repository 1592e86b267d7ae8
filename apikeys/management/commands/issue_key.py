"""`manage.py issue_key`: create a key and print its secret, once."""

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.selectors import find_company
from apikeys.models import DEFAULT_RATE_LIMIT, ApiKey
from apikeys.services import KeySettings, create_key, prepare_secret
from billing.entitlements import entitlements_of
from core import clock
from core.api.scopes import PRESETS
from core.errors import DomainError
from core.management import arguments
from core.principal import Principal
from core.tenancy import Tenant, tenant_context


class Command(BaseCommand):
    """Create a key for a company; prints client_id and client_secret once."""

    help = "Create an API key and print its Client ID and its secret. The secret cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options of docs/architecture.md, Contracts."""
        parser.add_argument("--company", required=True, help="co_ id or slug of the company")
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument("--mode", required=True, choices=["live", "test"])
        parser.add_argument(
            "--scopes",
            required=True,
            help=f"scopes separated by commas, or one of {', '.join(PRESETS)}",
        )
        parser.add_argument(
            "--rate-limit",
            type=arguments.whole_number,
            default=DEFAULT_RATE_LIMIT,
            help="requests per minute",
        )
        parser.add_argument("--allowed-ips", default="", help="addresses or CIDRs, separated by commas")
        parser.add_argument(
            "--allowed-origins", default="", help="origins, separated by commas; makes it a browser key"
        )
        parser.add_argument("--expires-in-days", type=arguments.whole_number, default=None)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the key in the company's tenant."""
        company = find_company(options["company"])
        if company is None:
            raise CommandError(f"There is no company {options['company']!r}. Give its co_ id or its slug.")
        days = options["expires_in_days"]
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--expires-in-days must be between 1 and 3650.")
        origins = _split(options["allowed_origins"])
        chosen = KeySettings(
            name=options["name"],
            scopes=PRESETS.get(options["scopes"]) or _split(options["scopes"]),
            kind=ApiKey.Kind.BROWSER if origins else ApiKey.Kind.SERVER,
            rate_limit=options["rate_limit"],
            allowed_networks=_split(options["allowed_ips"]),
            allowed_origins=origins,
            expires_at=None if days is None else clock.now() + timedelta(days=days),
        )
        try:
            tenant = Tenant(company.id, options["mode"])
            secret = prepare_secret(tenant)
            with tenant_context(tenant):
                issued = create_key(
                    chosen=chosen, secret=secret, actor=Principal.system("manage.py issue_key")
                )
        except DomainError as error:
            raise CommandError(error.detail) from error
        if company.keys_need_second_factor:
            self.stderr.write(
                "Note: this company only lets members with a second factor create keys. Operator commands "
                "are exempt; its other policies were applied."
            )
        limit = entitlements_of(company.id).limits.requests_per_minute
        if issued.key.rate_limit > limit:
            self.stderr.write(
                f"Warning: the company's limit is {limit} requests a minute, so the key is capped at that "
                f"instead of {issued.key.rate_limit}. A higher tier or limit lifts the cap."
            )
        if options["json"]:
            self.stdout.write(
                json.dumps({"client_id": issued.client_id, "client_secret": issued.client_secret})
            )
            return
        self.stdout.write(f"client_id:     {issued.client_id}")
        self.stdout.write(f"client_secret: {issued.client_secret}")
        self.stderr.write(
            "The secret is shown only once. Keep it in an environment variable or a secret manager."
        )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
