"""Mounts the dashboard, the staff site, the probes and the API."""

from django.contrib import admin
from django.urls import include, path

from core import health
from core.api import document

urlpatterns = [
    path("", include("config.pages.urls")),
    path("", include("accounts.dashboard.urls")),
    path("", include("apikeys.dashboard.urls")),
    path("", include("billing.dashboard.urls")),
    path("", include("audit.dashboard.urls")),
    path("messages/", include("messaging.dashboard.urls")),
    path("webhooks/", include("webhooks.dashboard.urls")),
    path("accounts/", include("allauth.urls")),
    path("staff/", admin.site.urls),
    path("docs/api/", document.swagger_page, name="api_reference"),
    path("docs/api/redoc/", document.redoc_page, name="api_reference_redoc"),
    path("v1/", include("config.api_urls")),
    path("callbacks/", include("messaging.callbacks.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
