"""Audit under /v1."""

from django.urls import path

from audit.api import views
from core.api.routers import Router

router = Router()
router.register("audit_entries", views.AuditEntryViewSet, "audit_entry")
router.register("request_logs", views.RequestLogViewSet, "request_log")

urlpatterns = [*router.urls, path("analytics/requests", views.RequestAnalytics.as_view())]
