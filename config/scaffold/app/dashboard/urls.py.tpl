"""URLs of the dashboard pages for {{ words }}."""

from django.urls import path

from {{ app }}.dashboard import views

app_name = "{{ app }}"

urlpatterns = [
    path("{{ app }}/", views.{{ object }}_list, name="list"),
    path("{{ app }}/<str:public_id>/", views.detail, name="detail"),
]
