"""Tells a company's owners, by another way than webhooks, that an endpoint was switched off."""

from __future__ import annotations

import uuid
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.selectors import current_company, owner_emails
from core.tenancy import Tenant, system_context, tenant_context
from webhooks.models import Endpoint

BATCH = 50
log = structlog.get_logger(__name__)


def send_notices() -> int:
    """Send every notice that is due and return how many were sent.

    A notice stays due until a mail server has taken it: after a crash in between it may be sent twice, but never not.
    """
    with system_context(reason="webhook notices that are due"):
        due = list(Endpoint.objects.filter(notice_due=True).order_by("id")[:BATCH])
    sent = 0
    for endpoint in due:
        try:
            sent += _send(endpoint.tenant, endpoint.id)
        except (OSError, SMTPException) as error:
            log.warning("webhooks.notice_failed", endpoint=endpoint.public_id, error=str(error))
    return sent


def _send(tenant: Tenant, endpoint_id: uuid.UUID) -> int:
    with tenant_context(tenant):
        endpoint = (
            Endpoint.objects.select_for_update(skip_locked=True)
            .filter(id=endpoint_id, notice_due=True)
            .first()
        )
        if endpoint is None:
            return 0
        context = {
            "company_name": current_company().name,
            "endpoint": endpoint,
            "link": settings.PUBLIC_URL + reverse("webhooks:detail", args=[endpoint.public_id]),
        }
        message = EmailMultiAlternatives(
            subject=f"A webhook endpoint of {context['company_name']} was switched off",
            body=render_to_string("webhooks/email/disabled.txt", context),
            to=owner_emails(),
        )
        message.attach_alternative(render_to_string("webhooks/email/disabled.html", context), "text/html")
        message.send()
        endpoint.notice_due = False
        endpoint.save(update_fields=["notice_due"])
        return 1
