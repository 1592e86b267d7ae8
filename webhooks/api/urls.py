"""Webhooks under /v1."""

from __future__ import annotations

from django.urls import path

from webhooks.api.views import deliveries, endpoints, events

urlpatterns = [
    path("webhook_endpoints", endpoints.EndpointList.as_view()),
    path("webhook_endpoints/<str:id>", endpoints.EndpointDetail.as_view()),
    path("webhook_endpoints/<str:id>/rotate_secret", endpoints.RotateSecret.as_view()),
    path("webhook_endpoints/<str:id>/test", endpoints.SendTest.as_view()),
    path("webhook_endpoints/<str:id>/recover", endpoints.Recover.as_view()),
    path("webhook_endpoints/<str:id>/replay_missing", endpoints.ReplayMissing.as_view()),
    path("webhook_endpoints/<str:id>/recoveries", endpoints.RecoveryList.as_view()),
    path("deliveries", deliveries.DeliveryList.as_view()),
    path("deliveries/<str:id>", deliveries.DeliveryDetail.as_view()),
    path("deliveries/<str:id>/resend", deliveries.Resend.as_view()),
    path("events", events.EventList.as_view()),
    path("events/<str:id>", events.EventDetail.as_view()),
]
