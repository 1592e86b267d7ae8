"""Bookings under /v1."""

from core.api.routers import Router
from tests.example_app.api.views import BookingViewSet

router = Router()
router.register("bookings", BookingViewSet, "booking")

urlpatterns = router.urls
