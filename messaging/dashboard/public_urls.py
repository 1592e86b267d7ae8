"""The URL in bulk mail, below /u/: short, because it is in a header."""

from django.urls import path

from messaging.dashboard.views.unsubscribe import unsubscribe_page

app_name = "unsubscribe"

urlpatterns = [path("<str:token>", unsubscribe_page, name="page")]
