"""Mounts the dashboard, the staff site, the probes and the API."""

from django.contrib import admin
from django.urls import include, path

from core import health

urlpatterns = [
    path("", include("config.pages.urls")),
    path("", include("accounts.dashboard.urls")),
    path("", include("apikeys.dashboard.urls")),
    path("webhooks/", include("webhooks.dashboard.urls")),
    path("accounts/", include("allauth.urls")),
    path("staff/", admin.site.urls),
    path("v1/", include("config.api_urls")),
    path("callbacks/", include("messaging.callbacks.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
