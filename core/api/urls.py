"""The API's own description under /v1."""

from django.urls import path

from core.api.document import openapi_json

urlpatterns = [path("openapi.json", openapi_json)]
