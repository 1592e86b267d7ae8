"""Mounts every app's API under /v1, as declared by its AppConfig. `core.api.entry` handles unknown paths."""

from django.urls import include, path

from core.resources import pomelo_apps

urlpatterns = [path("", include(app.api_urls)) for app in pomelo_apps() if app.api_urls]
