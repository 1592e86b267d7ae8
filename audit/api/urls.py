"""Audit under /v1."""

from django.urls import path

from audit.api import views

urlpatterns = [
    path("audit_entries", views.AuditEntryList.as_view()),
    path("request_logs", views.RequestLogList.as_view()),
    path("request_logs/<str:id>", views.RequestLogDetail.as_view()),
    path("analytics/requests", views.RequestAnalytics.as_view()),
]
