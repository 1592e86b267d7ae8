"""The whole site, and the views of `extension_views` under /v1/x/."""

from django.urls import include, path, re_path
from rest_framework.viewsets import ViewSetMixin

from config.urls import urlpatterns as site
from core.api.routers import Router
from tests.core.api import extension_views as views

router = Router()
router.register("things", views.Things, "thing")
router.register("rows", views.Rows, "row")
router.register("ordinary", views.Ordinary, "ordinary")
unpublished = Router()
unpublished.register("silent", views.Silent, "silent")
unpublished.register("undeclared", views.Undeclared, "undeclared")

CLASSES = {
    name: view
    for name, view in vars(views).items()
    if isinstance(view, type)
    and issubclass(view, views.drf_views.APIView)
    and view.__module__ == views.__name__
}

extensions = [
    *router.urls,
    *unpublished.urls,
    path("of_ada/<str:id>", views.OfAda.as_view()),
    *(
        path(name, view.as_view())
        for name, view in CLASSES.items()
        if not issubclass(view, ViewSetMixin) and view is not views.OfAda
    ),
    path("function", views.function),
    path("decorated", views.decorated),
    path("scopeless", views.scopeless),
    path("robots", views.robots),
    re_path(r"^any/\w+$", views.Described.as_view()),
]

urlpatterns = [path("v1/x/", include(extensions)), *site]
