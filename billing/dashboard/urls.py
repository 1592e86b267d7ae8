"""URLs of the pages of customers, invoices and charges, and of the company's details on invoices."""

from django.urls import path

from billing.dashboard.views import (
    bulk,
    charges,
    credit_notes,
    customers,
    invoices,
    links,
    payments,
    refunds,
    sellers,
)

app_name = "billing"

urlpatterns = [
    path("customers/", customers.customer_list, name="customers"),
    path("customers/new/", customers.create, name="create_customer"),
    path("customers/selected/delete/", bulk.delete_selected, name="delete_selected"),
    path("customers/<str:public_id>/", customers.detail, name="customer"),
    path("customers/<str:public_id>/edit/", customers.edit, name="edit_customer"),
    path("customers/<str:public_id>/delete/", customers.delete, name="delete_customer"),
    path("invoices/", invoices.invoice_list, name="invoices"),
    path("invoices/new/", invoices.create, name="create_invoice"),
    path("invoices/totals/", invoices.totals, name="invoice_totals"),
    path("invoices/selected/finalize/", bulk.finalize_selected, name="finalize_selected"),
    path("invoices/selected/void/", bulk.void_selected, name="void_selected"),
    path("invoices/<str:public_id>/", invoices.detail, name="invoice"),
    path("invoices/<str:public_id>/edit/", invoices.edit, name="edit_invoice"),
    path("invoices/<str:public_id>/delete/", invoices.delete, name="delete_invoice"),
    path("invoices/<str:public_id>/finalize/", invoices.finalize, name="finalize_invoice"),
    path("invoices/<str:public_id>/void/", invoices.void, name="void_invoice"),
    path("invoices/<str:public_id>/uncollectible/", invoices.give_up, name="give_up_invoice"),
    path("invoices/<str:public_id>/charge/", invoices.charge, name="charge_invoice"),
    path("invoices/<str:public_id>/payments/new/", payments.record, name="record_payment"),
    path("invoices/<str:public_id>/links/new/", links.create, name="create_invoice_link"),
    path("invoices/<str:public_id>/links/revoke/", links.revoke, name="revoke_invoice_links"),
    path("payments/<str:public_id>/undo/", payments.undo, name="undo_payment"),
    path("invoices/<str:public_id>/credit/", credit_notes.create, name="credit_invoice"),
    path("credit_notes/<str:public_id>/", credit_notes.detail, name="credit_note"),
    path("credit_notes/<str:public_id>/pdf/", credit_notes.pdf, name="credit_note_pdf"),
    path("credit_notes/<str:public_id>/void/", credit_notes.void, name="void_credit_note"),
    path("invoices/<str:public_id>/pdf/", invoices.pdf, name="invoice_pdf"),
    path("invoicing/", sellers.seller, name="seller"),
    path("invoicing/edit/", sellers.edit, name="edit_seller"),
    path("charges/", charges.charge_list, name="charges"),
    path("charges/new/", charges.create, name="create_charge"),
    path("charges/<str:public_id>/", charges.detail, name="charge"),
    path("charges/<str:public_id>/refund/", refunds.refund, name="refund_charge"),
]
