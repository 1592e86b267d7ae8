"""Addresses of the webhook pages, below /webhooks/."""

from __future__ import annotations

from django.urls import path

from webhooks.dashboard.views import deliveries, endpoints, secrets

app_name = "webhooks"

urlpatterns = [
    path("", endpoints.endpoint_list, name="list"),
    path("create/", endpoints.create, name="create"),
    path("events/", endpoints.event_list, name="events"),
    path("deliveries/", deliveries.delivery_list, name="deliveries"),
    path("deliveries/resend/", deliveries.resend, name="resend"),
    path("deliveries/<str:public_id>/", deliveries.delivery, name="delivery"),
    path("<str:public_id>/", endpoints.detail, name="detail"),
    path("<str:public_id>/edit/", endpoints.edit, name="edit"),
    path("<str:public_id>/switch/", endpoints.switch, name="switch"),
    path("<str:public_id>/test/", endpoints.test, name="test"),
    path("<str:public_id>/delete/", endpoints.delete, name="delete"),
    path("<str:public_id>/secret/", secrets.reveal, name="reveal"),
    path("<str:public_id>/rotate/", secrets.rotate, name="rotate"),
    path("<str:public_id>/recover/", deliveries.recover, name="recover"),
]
