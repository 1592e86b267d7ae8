"""Addresses of the message pages, below /messages/."""

from __future__ import annotations

from django.urls import path

from messaging.dashboard.views import messages, statistics, suppressions

app_name = "messaging"

urlpatterns = [
    path("", messages.message_list, name="list"),
    path("new/", messages.compose, name="compose"),
    path("statistics/", statistics.statistics, name="statistics"),
    path("mailbox/", statistics.mailbox, name="mailbox"),
    path("mailbox/<str:name>/", statistics.mail, name="mail"),
    path("suppressions/", suppressions.suppression_list, name="suppressions"),
    path("suppressions/add/", suppressions.suppress, name="suppress"),
    path("suppressions/<str:public_id>/remove/", suppressions.remove, name="remove_suppression"),
    path("<str:public_id>/", messages.detail, name="detail"),
    path("<str:public_id>/cancel/", messages.cancel, name="cancel"),
]
