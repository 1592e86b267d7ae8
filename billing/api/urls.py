"""Billing under /v1."""

from django.urls import path

from billing.api.views import charges, credit_notes, customers, invoices, payments, refunds, sellers
from core.api.routers import Router

router = Router()
router.register("customers", customers.CustomerViewSet, "customer")
router.register("invoices", invoices.InvoiceViewSet, "invoice")
router.register("credit_notes", credit_notes.CreditNoteViewSet, "credit_note")
router.register("payments", payments.PaymentViewSet, "payment")
router.register("charges", charges.ChargeViewSet, "charge")
router.register("refunds", refunds.RefundViewSet, "refund")

urlpatterns = [path("seller", sellers.SellerView.as_view(), name="seller"), *router.urls]
