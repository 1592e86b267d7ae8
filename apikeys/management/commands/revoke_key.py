"""`manage.py revoke_key`: revoke a key of any company."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apikeys.models import ApiKey
from apikeys.selectors import find_key_anywhere
from apikeys.services import revoke_key
from core import ids
from core.fences import LONGEST_DELAY_SECONDS
from core.principal import Principal
from core.tenancy import tenant_context


class Command(BaseCommand):
    """Revoke a key by its Client ID."""

    help = "Revoke an API key by its Client ID. It stops working in every process by the time the command returns."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options of DESIGN §3."""
        parser.add_argument("client_id", help="the key_ id")

    def handle(self, *args: Any, **options: Any) -> None:
        """Revoke the key in its own tenant; says so when Valkey could not be told."""
        try:
            key = find_key_anywhere(ids.decode("key", options["client_id"]))
        except ids.InvalidId as error:
            raise CommandError(f"{options['client_id']!r} is not a Client ID (key_…).") from error
        if key is None:
            raise CommandError(f"There is no key {options['client_id']}.")
        if key.revoked_at is not None:
            self.stdout.write(f"{key.public_id} was already revoked.")
            return
        with tenant_context(key.tenant):
            change = revoke_key(
                key=key,
                actor=Principal.system("manage.py revoke_key"),
                reason=ApiKey.RevocationReason.OPERATOR,
            )
        self.stdout.write(f"{key.public_id} is revoked.")
        if not change.effect.immediate:
            self.stderr.write(
                "Valkey could not be told: processes that hold a copy may accept the key for up to "
                f"{LONGEST_DELAY_SECONDS} seconds more."
            )
