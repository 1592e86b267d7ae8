"""URLs of the peer."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.benchmarks.peer import views


def healthz(request: HttpRequest) -> HttpResponse:
    """Respond once the server is up."""
    return HttpResponse("ok")


urlpatterns = [
    path("healthz", healthz),
    path("bare", views.Bare.as_view()),
    path("guarded", views.Guarded.as_view()),
    path("customers", views.Customers.as_view()),
    path("create", views.CreateCustomer.as_view()),
]
