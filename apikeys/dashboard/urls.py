"""Addresses of the key pages."""

from django.urls import path

from apikeys.dashboard import changing, reading

app_name = "apikeys"
urlpatterns = [
    path("keys/", reading.list_page, name="list"),
    path("keys/new/", changing.create_page, name="create"),
    path("keys/<str:client_id>/", reading.detail_page, name="detail"),
    path("keys/<str:client_id>/edit/", changing.edit_page, name="edit"),
    path("keys/<str:client_id>/rotate/", changing.rotate_page, name="rotate"),
    path("keys/<str:client_id>/end-overlap/", changing.end_overlap_now, name="end_overlap"),
    path("keys/<str:client_id>/revoke/", changing.revoke_page, name="revoke"),
    path("keys/<str:client_id>/undo/", changing.undo_revocation, name="undo"),
]
