"""Mounts every app's API under /v1."""

from django.urls import include, path

from core.api.views import UnknownRoute

urlpatterns = [
    path("", include("billing.api.urls")),
    path("<path:unknown>", UnknownRoute.as_view()),
]
