"""Messaging under /v1."""

from django.urls import path

from messaging.api import views
from messaging.api.analytics import MessageAnalytics

urlpatterns = [
    path("analytics/messages", MessageAnalytics.as_view()),
    path("messages", views.MessageList.as_view()),
    path("messages/<str:id>", views.MessageDetail.as_view()),
    path("messages/<str:id>/cancel", views.MessageCancel.as_view()),
    path("suppressions", views.SuppressionList.as_view()),
    path("suppressions/<str:id>", views.SuppressionDetail.as_view()),
]
