"""Addresses of the pages of bookings."""

from django.urls import path

from tests.example_app.dashboard import views

app_name = "bookings"

urlpatterns = [
    path("bookings/", views.booking_list, name="list"),
    path("bookings/<str:public_id>/", views.detail, name="detail"),
]
