"""URLs of provider callbacks."""

from django.urls import path

from messaging.callbacks.anymail import anymail
from messaging.callbacks.signed import signed
from messaging.callbacks.twilio import twilio

urlpatterns = [
    path("anymail", anymail),
    path("messages", signed),
    path("twilio", twilio),
]
