"""The site's URLs, plus the views of `extension_views` under /v1/x/."""

from django.urls import include, path, re_path
from rest_framework.views import APIView

from config.urls import urlpatterns as site
from core.api.routers import Router
from tests.core.api import extension_views as views
from tests.core.api import extension_viewsets as viewsets
from tests.core.api import extension_ways_in as ways_in

router = Router()
router.register("things", viewsets.Things, "thing")
router.register("rows", viewsets.Rows, "row")
router.register("ordinary", viewsets.Ordinary, "ordinary")
router.register("searched", viewsets.Searched, "searched")
unpublished = Router()
unpublished.register("silent", viewsets.Silent, "silent")
unpublished.register("undeclared", viewsets.Undeclared, "undeclared")

CLASSES = {
    name: view
    for module in (views, ways_in)
    for name, view in vars(module).items()
    if isinstance(view, type) and issubclass(view, APIView) and view.__module__ == module.__name__
}

extensions = [
    *router.urls,
    *unpublished.urls,
    path("of_ada/<str:id>", views.OfAda.as_view()),
    *(path(name, view.as_view()) for name, view in CLASSES.items() if view is not views.OfAda),
    path("function", viewsets.function),
    path("decorated", viewsets.decorated),
    path("scopeless", viewsets.scopeless),
    path("robots", viewsets.robots),
    re_path(r"^any/\w+$", views.Described.as_view()),
]

urlpatterns = [path("v1/x/", include(extensions)), *site]
