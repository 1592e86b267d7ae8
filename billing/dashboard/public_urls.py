"""URLs of invoices behind links, below /i/."""

from django.urls import path

from billing.dashboard.views import hosted

app_name = "invoice_link"

urlpatterns = [
    path("<str:token>", hosted.page, name="page"),
    path("<str:token>/pay", hosted.pay, name="pay"),
    path("<str:token>/pdf", hosted.pdf, name="pdf"),
]
