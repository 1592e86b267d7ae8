"""URLs of gateway callbacks."""

from django.urls import path

from billing.callbacks.stripe import stripe

urlpatterns = [
    path("stripe", stripe),
]
