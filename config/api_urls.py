"""Mounts every app's API under /v1. What no app has is answered by `core.api.entry`."""

from django.urls import include, path

urlpatterns = [
    path("", include("core.api.urls")),
    path("", include("apikeys.api.urls")),
    path("", include("audit.api.urls")),
    path("", include("billing.api.urls")),
    path("", include("messaging.api.urls")),
    path("", include("webhooks.api.urls")),
]
