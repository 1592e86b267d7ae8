"""Billing under /v1."""

from django.urls import path

from billing.api.views import charges, customers, invoices

urlpatterns = [
    path("customers", customers.CustomerList.as_view()),
    path("customers/<str:id>", customers.CustomerDetail.as_view()),
    path("invoices", invoices.InvoiceList.as_view()),
    path("invoices/<str:id>", invoices.InvoiceDetail.as_view()),
    path("invoices/<str:id>/finalize", invoices.FinalizeInvoice.as_view()),
    path("invoices/<str:id>/void", invoices.VoidInvoice.as_view()),
    path("invoices/<str:id>/mark_uncollectible", invoices.MarkInvoiceUncollectible.as_view()),
    path("invoices/<str:id>/pdf", invoices.InvoicePdf.as_view()),
    path("charges", charges.ChargeList.as_view()),
    path("charges/<str:id>", charges.ChargeDetail.as_view()),
    path("charges/<str:id>/refunds", charges.RefundList.as_view()),
]
