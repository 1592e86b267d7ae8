"""Billing under /v1."""

from django.urls import path

from billing.api.views import charges, customers, invoices, sellers
from core.api.routers import Router

router = Router()
router.register("customers", customers.CustomerViewSet, "customer")
router.register("invoices", invoices.InvoiceViewSet, "invoice")
router.register("charges", charges.ChargeViewSet, "charge")

urlpatterns = [path("seller", sellers.SellerView.as_view(), name="seller"), *router.urls]
