"""`manage.py revoke_key`: revoke a key of any company, also as leaked."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apikeys.models import ApiKey
from apikeys.selectors import find_key_anywhere
from apikeys.services import revoke_key, revoke_leaked_key
from core.management import arguments
from core.principal import Principal
from core.tenancy import tenant_context
from core.valkey.fences import LONGEST_DELAY_SECONDS, Effect
from core.values import ids

ACTOR = Principal.system("manage.py revoke_key")


class Command(BaseCommand):
    """Revoke a key by its Client ID."""

    help = "Revoke an API key by its Client ID. It stops working in every process by the time the command returns."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options of docs/architecture.md, Contracts."""
        parser.add_argument("client_id", help="the key_ id")
        parser.add_argument(
            "--leaked",
            action="store_true",
            help="its secret has leaked: also switch off what the key created (works for a key revoked earlier, too)",
        )
        parser.add_argument(
            "--since",
            type=arguments.moment,
            help="with --leaked: only what it created since then, such as 2026-01-31T12:00:00Z (default: everything)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Revoke the key in its own tenant, and warn if Valkey could not be updated."""
        if options["since"] is not None and not options["leaked"]:
            raise CommandError("--since limits what is switched off after a leak: use it with --leaked.")
        try:
            key = find_key_anywhere(ids.decode("key", options["client_id"]))
        except ids.InvalidId as error:
            raise CommandError(f"{options['client_id']!r} is not a Client ID (key_…).") from error
        if key is None:
            raise CommandError(f"There is no key {options['client_id']}.")
        was_revoked = key.revoked_at is not None
        effect = Effect(immediate=True)
        ended: dict[str, int] = {}
        with tenant_context(key.tenant):
            if options["leaked"]:
                leak = revoke_leaked_key(
                    key=key,
                    since=options["since"] or key.created,
                    actor=ACTOR,
                    how="The operator said so when revoking the key.",
                )
                effect, ended = leak.change.effect, leak.switched_off
            elif not was_revoked:
                effect = revoke_key(key=key, actor=ACTOR, reason=ApiKey.RevocationReason.OPERATOR).effect
        self.stdout.write(f"{key.public_id} {'was already' if was_revoked else 'is'} revoked.")
        for title, count in ended.items():
            self.stdout.write(f"{title}: {count} switched off.")
        if not effect.immediate:
            self.stderr.write(
                "Valkey could not be updated: processes with a cached copy may accept the key for up to "
                f"{LONGEST_DELAY_SECONDS} more seconds."
            )
