"""Emails to a company's owners about endpoints that were disabled."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.urls import reverse

from accounts.selectors import current_company, owner_emails
from core.background import set_aside
from core.mail.compose import send_mail
from core.mail.words import email_safe
from core.tenancy import Tenant, system_context, tenant_context
from webhooks.models import Endpoint

BATCH = 50
BATCH_NAME = "webhooks.send_notices"


def send_notices() -> int:
    """Queue every due notice, each in one transaction with the mark that it was sent. Return how many."""
    with system_context(reason="webhook notices that are due"):
        endpoints = Endpoint.objects.filter(notice_due=True).exclude(id__in=set_aside.resting(BATCH_NAME))
        due = list(endpoints.order_by("id")[:BATCH])
    return set_aside.each(
        BATCH_NAME,
        due,
        lambda endpoint: _send(endpoint.tenant, endpoint.id),
        identify=lambda endpoint: (endpoint.public_id, endpoint.id),
    )


def _send(tenant: Tenant, endpoint_id: uuid.UUID) -> None:
    with tenant_context(tenant):
        endpoint = (
            Endpoint.objects.select_for_update(skip_locked=True)
            .filter(id=endpoint_id, notice_due=True)
            .first()
        )
        if endpoint is None:
            return
        company_name = current_company().name
        send_mail(
            to=owner_emails(),
            subject=f"A webhook endpoint of {email_safe(company_name)} was disabled",
            template="webhooks/email/disabled",
            context={
                "company_name": company_name,
                "endpoint": endpoint,
                "link": settings.PUBLIC_URL + reverse("webhooks:detail", args=[endpoint.public_id]),
            },
        )
        endpoint.notice_due = False
        endpoint.save(update_fields=["notice_due"])
