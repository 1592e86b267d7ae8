"""`manage.py create_company`: create a company and, if necessary, its owner."""

from typing import Any

from allauth.account.models import EmailAddress
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Company, User
from accounts.services import create_company
from accounts.services.companies import SlugTaken
from core.errors import FieldErrors
from core.management import arguments
from core.principal import Principal
from core.values.email_addresses import InvalidEmail, parse_email


class Command(BaseCommand):
    """Create a company; prints its co_ id."""

    help = (
        "Create a company with an owner and print its co_ id. An owner who is new sets a password by "
        '"Forgot password" on the sign-in page.'
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options of docs/architecture.md, Contracts."""
        parser.add_argument("--name", required=True, type=arguments.name, help="the company's name")
        parser.add_argument("--slug", default="", help="its short name (default: made from the name)")
        parser.add_argument("--tier", default="starter", choices=Company.Tiers.values)
        parser.add_argument("--owner-email", required=True, help="email of the owner; created when new")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the owner if they are new, then the company."""
        try:
            email = parse_email(options["owner_email"]).lower()
        except InvalidEmail as error:
            raise CommandError(f"--owner-email: {error}") from error
        owner = User.objects.filter(email=email).first() or User.objects.create_user(email)
        # The operator vouches for the address.
        EmailAddress.objects.update_or_create(
            user=owner, email=email, defaults={"verified": True, "primary": True}
        )
        try:
            company = create_company(
                name=options["name"],
                slug=options["slug"],
                tier=options["tier"],
                owner=owner,
                actor=Principal.system("manage.py create_company"),
            )
        except (FieldErrors, SlugTaken) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(company.public_id)
