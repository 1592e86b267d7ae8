"""Mounts the dashboard, the staff site, the probes and the API."""

from django.urls import include, path

urlpatterns = [
    path("v1/", include("config.api_urls")),
]
