"""The audit and request pages."""

from django.urls import path

from audit.dashboard import bodies, entries, proof, requests, usage

app_name = "audit"
urlpatterns = [
    path("audit/", entries.entry_list, name="entries"),
    path("audit/export.<str:kind>", entries.export_entries, name="export_entries"),
    path("audit/proof/<str:stream>", proof.download_proof, name="proof"),
    path("audit/verify/<str:stream>", proof.verify_day, name="verify"),
    path("audit/<str:public_id>/", entries.entry, name="entry"),
    path("requests/", requests.request_list, name="requests"),
    path("requests/bodies/", bodies.bodies_page, name="bodies"),
    *[
        path(
            f"requests/bodies/{mode}/{view.__name__}/",
            view,
            {"mode": mode},
            name=f"{view.__name__}_{mode}_bodies",
        )
        for mode in ("test", "live")
        for view in (bodies.keep, bodies.stop, bodies.delete)
    ],
    path("requests/usage/", usage.usage_page, name="usage"),
    path("requests/usage/export.csv", usage.export_usage, name="export_usage"),
    path("requests/export.<str:kind>", requests.export_requests, name="export_requests"),
    path("requests/<str:public_id>/", requests.request_detail, name="request"),
]
