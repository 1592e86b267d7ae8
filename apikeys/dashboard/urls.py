"""Addresses of the key pages."""

from django.urls import path

from apikeys.dashboard import bulk, changing, found_key, reading

app_name = "apikeys"
urlpatterns = [
    path("found-key/", found_key.found_key_page, name="found_key"),
    path("found-key/thanks/", found_key.thanks_page, name="found_key_thanks"),
    path("found-key/report", found_key.report_found_key, name="report_found_key"),
    path("keys/", reading.list_page, name="list"),
    path("keys/new/", changing.create_page, name="create"),
    path("keys/selected/revoke/", bulk.revoke_selected, name="revoke_selected"),
    path("keys/selected/rotate/", bulk.rotate_selected, name="rotate_selected"),
    path("keys/selected/undo/", bulk.restore_selected, name="restore_selected"),
    path("keys/<str:client_id>/", reading.detail_page, name="detail"),
    path("keys/<str:client_id>/edit/", changing.edit_page, name="edit"),
    path("keys/<str:client_id>/rotate/", changing.rotate_page, name="rotate"),
    path("keys/<str:client_id>/end-overlap/", changing.end_overlap_now, name="end_overlap"),
    path("keys/<str:client_id>/revoke/", changing.revoke_page, name="revoke"),
    path("keys/<str:client_id>/undo/", changing.undo_revocation, name="undo"),
]
