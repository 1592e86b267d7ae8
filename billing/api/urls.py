"""Billing under /v1."""

from billing.api.views import charges, customers, invoices
from core.api.routers import Router

router = Router()
router.register("customers", customers.CustomerViewSet, "customer")
router.register("invoices", invoices.InvoiceViewSet, "invoice")
router.register("charges", charges.ChargeViewSet, "charge")

urlpatterns = router.urls
