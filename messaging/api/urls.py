"""Messaging under /v1."""

from django.urls import path

from core.api.routers import Router
from messaging.api import invoices, senders, templates, views
from messaging.api.analytics import MessageAnalytics

router = Router()
router.register("messages", views.MessageViewSet, "message")
router.register("sender_domains", senders.SenderDomainViewSet, "sender_domain")
router.register("sms_senders", senders.SmsSenderViewSet, "sms_sender")
router.register("suppressions", views.SuppressionViewSet, "suppression")
router.register("templates", templates.TemplateViewSet, "template")

urlpatterns = [
    path("analytics/messages", MessageAnalytics.as_view()),
    path("invoices/<str:id>/send", invoices.InvoiceSending.as_view({"post": "send"})),
    *router.urls,
]
