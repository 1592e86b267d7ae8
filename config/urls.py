"""Mounts the pages of every app, as declared by its AppConfig, the staff site, the probes and the API."""

from django.contrib import admin
from django.urls import include, path

from core.api import document
from core.operations import health
from core.resources import pomelo_apps

# Says where the requested object is if it is in another mode or company of the user.
handler404 = "config.pages.find.not_found"

urlpatterns = [
    *(path(app.page_prefix, include(app.page_urls)) for app in pomelo_apps() if app.page_urls),
    path("accounts/", include("allauth.urls")),
    path("staff/", admin.site.urls),
    path("docs/api/", document.swagger_page, name="api_reference"),
    path("docs/api/redoc/", document.redoc_page, name="api_reference_redoc"),
    path("v1/", include("config.api_urls")),
    path("callbacks/", include("messaging.callbacks.urls")),
    path("callbacks/", include("billing.callbacks.urls")),
    path("i/", include("billing.dashboard.public_urls")),
    path("u/", include("messaging.dashboard.public_urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
