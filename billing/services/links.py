"""Creates and revokes share links, which give anyone who has one access to an invoice."""

import secrets

from django.conf import settings
from django.urls import reverse

from billing.events import InvoiceLinkCreated, InvoiceLinksRevoked
from billing.models import Charge, Invoice, InvoiceLink
from billing.services.charges import COMPLETE_TASK
from billing.services.errors import InvoiceIsDraft
from billing.services.invoices import lock_invoice
from core import clock
from core.background import jobs
from core.events import publish
from core.principal import Principal
from core.security.crypto import sha256_hex

TOKEN_BYTES = 32


def create_link(*, invoice: Invoice, actor: Principal) -> str:
    """Create a link to a finalized invoice and return its URL, which cannot be retrieved later. Raises InvoiceIsDraft.

    It contains 256 random bits, of which only the hash is stored, so the database reveals no link.
    """
    invoice = lock_invoice(invoice)
    if invoice.status == Invoice.Status.DRAFT:
        raise InvoiceIsDraft("The invoice is a draft.")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    InvoiceLink.objects.create(invoice=invoice, token_hash=sha256_hex(token.encode()))
    publish(InvoiceLinkCreated(object_id=invoice.public_id), actor=actor)
    return f"{settings.PUBLIC_URL}{reverse('invoice_link:page', args=[token])}"


def revoke_links(*, invoice: Invoice, actor: Principal) -> int:
    """Revoke all links to an invoice, effective from the commit; return how many there were."""
    invoice = lock_invoice(invoice)
    revoked = InvoiceLink.objects.filter(invoice=invoice, revoked_at=None).update(revoked_at=clock.now())
    if revoked:
        # The completer closes open payment pages right away.
        Charge.objects.filter(invoice=invoice, status="pending", checkout_expires_at__isnull=False).update(
            due_at=clock.now()
        )
        jobs.enqueue(COMPLETE_TASK)
        publish(InvoiceLinksRevoked(object_id=invoice.public_id, detail={"links": revoked}), actor=actor)
    return revoked
