"""Webhooks under /v1."""

from __future__ import annotations

from core.api.routers import Router
from webhooks.api.views import deliveries, endpoints, events

router = Router()
router.register("webhook_endpoints", endpoints.EndpointViewSet, "webhook_endpoint")
router.register("deliveries", deliveries.DeliveryViewSet, "delivery")
router.register("events", events.EventViewSet, "event")

urlpatterns = router.urls
