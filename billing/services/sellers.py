"""Updates the seller details on a company's invoices."""

import re
from typing import Any

from django.db import IntegrityError, transaction

from billing import representations
from billing.events import SellerUpdated
from billing.languages import Language
from billing.logos import Logo, read_logo
from billing.models import Seller, SellerLogo
from billing.models.sellers import NUMBER_PREFIX
from billing.selectors import current_seller
from billing.services.party_fields import clean_address, clean_bank_details, clean_each, clean_tax_ids, merge
from core import clock
from core.errors import FieldError, FieldErrors
from core.events import publish
from core.postgres.failures import broken_constraint
from core.principal import Principal
from core.security.crypto import sha256_hex
from core.values.changes import apply_changes, changed_fields
from core.values.texts import clean_name, clean_text, has_controls, lines_of

MAX_FOOTER = 500
MAX_PREFIX = 16
# Old logos are kept for the documents issued with them.
MAX_LOGOS = 100


def update_seller(*, actor: Principal, **fields: Any) -> Seller:
    """Update the given fields of the current tenant's seller: `address` and `bank_details` are merged, `tax_ids` replaced.

    `logo` is a PNG or JPEG file, or None. Documents already issued are not affected. Raises FieldErrors.
    """
    seller = _lock()
    values = _clean(seller, fields)
    if "logo" in values:
        values["logo"] = _keep_logo(values["logo"])
    changes = changed_fields(seller, values)
    if not changes:
        return seller
    apply_changes(seller, changes)
    seller.updated = clock.now()
    seller.save(update_fields=[*changes, "updated"])
    publish(
        SellerUpdated(
            object_id=seller.public_id,
            object=representations.seller(seller),
            changes={name: [_to_audit_value(value) for value in pair] for name, pair in changes.items()},
        ),
        actor=actor,
    )
    return seller


def _lock() -> Seller:
    """Return the row, created if missing, and locked until the end of the transaction."""
    rows = Seller.objects.select_for_update(no_key=True)
    seller: Seller | None = rows.first()
    if seller is None:
        try:
            with transaction.atomic():
                Seller.objects.bulk_create([current_seller()])
        except IntegrityError as error:
            if broken_constraint(error) != "billing_seller_once":
                raise  # otherwise it was created concurrently
        seller = rows.get()
    return seller


def _keep_logo(logo: Logo | None) -> SellerLogo | None:
    """Return the row of a logo, created if missing; old logos are never replaced. Raises FieldErrors when there are too many."""
    if logo is None:
        return None
    digest = sha256_hex(logo.content)
    kept: SellerLogo | None = SellerLogo.objects.filter(sha256=digest).first()
    if kept is not None:
        return kept
    if SellerLogo.objects.count() >= MAX_LOGOS:
        text = f"{MAX_LOGOS} logos have been used already, and documents may still show all of them. Use one of them again."
        raise FieldErrors([FieldError("logo", "too_many", text)])
    return SellerLogo.objects.create(
        content=logo.content,
        content_type=logo.content_type,
        width=logo.width,
        height=logo.height,
        sha256=digest,
    )


def _to_audit_value(value: Any) -> Any:
    return representations.logo(value) if isinstance(value, SellerLogo) else value


def _clean(seller: Seller, fields: dict[str, Any]) -> dict[str, Any]:
    values = {name: "" if value is None else value for name, value in fields.items()}
    problems = clean_each(values, legal_name=_legal_name, footer=_footer, number_prefix=_prefix)
    if "address" in fields:
        values["address"], wrong = clean_address(merge(seller.address, fields["address"]))
        problems += wrong
    if "bank_details" in fields:
        values["bank_details"], wrong = clean_bank_details(merge(seller.bank_details, fields["bank_details"]))
        problems += wrong
    if "logo" in fields:
        try:
            values["logo"] = read_logo(fields["logo"]) if fields["logo"] is not None else None
        except ValueError as error:
            problems.append(FieldError("logo", "invalid", str(error)))
    if "tax_ids" in fields:
        values["tax_ids"], wrong = clean_tax_ids(fields["tax_ids"])
        problems += wrong
    if "language" in fields and fields["language"] not in Language.values:
        problems.append(FieldError("language", "invalid", f"Use one of {', '.join(Language.values)}."))
    if problems:
        raise FieldErrors(problems)
    return values


def _legal_name(text: str) -> str:
    return clean_name(text, longest=200) if text else ""


def _footer(text: str) -> str:
    lines = [line.strip() for line in lines_of(text)]
    if any(has_controls(line) for line in lines):
        raise ValueError("Must not contain tabs or other control characters.")
    return clean_text("\n".join(lines), longest=MAX_FOOTER)


def _prefix(text: str) -> str:
    if text and (len(text) > MAX_PREFIX or not re.fullmatch(NUMBER_PREFIX, text)):
        raise ValueError(
            f"Use up to {MAX_PREFIX} uppercase letters, digits and single hyphens, such as ACME-27."
        )
    if text.startswith("TEST"):
        raise ValueError("TEST is reserved for the numbers of test invoices.")
    return text
