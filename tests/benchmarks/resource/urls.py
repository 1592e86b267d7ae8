"""`/v1/plain_customers`."""

from core.api.routers import Router
from tests.benchmarks.resource.views import CustomerViewSet

router = Router()
router.register("plain_customers", CustomerViewSet, "plain_customer")

urlpatterns = router.urls
