"""Billing under /v1."""

from django.urls import path

from billing.api import views

urlpatterns = [
    path("customers", views.CustomerList.as_view()),
    path("customers/<str:id>", views.CustomerDetail.as_view()),
]
