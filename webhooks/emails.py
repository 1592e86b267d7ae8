"""Tells a company's owners, by another way than webhooks, that an endpoint was switched off."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.selectors import current_company, owner_emails
from core import set_aside
from core.tenancy import Tenant, system_context, tenant_context
from webhooks.models import Endpoint

BATCH = 50
BATCH_NAME = "webhooks.send_notices"


def send_notices() -> int:
    """Send every notice that is due and return how many were sent.

    A notice stays due until a mail server has taken it: after a crash in between it may be sent twice, but never not.
    """
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
