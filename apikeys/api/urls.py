"""Routes of the keys app under /v1."""

from django.urls import path

from apikeys.api import views

urlpatterns = [path("whoami", views.WhoAmI.as_view(), name="whoami")]
