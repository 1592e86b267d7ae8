import gc

from django.contrib.admin.apps import AdminConfig

from core.resources import MenuEntry, PomeloApp


class PomeloConfig(PomeloApp):
    """The composition root as an app, so that its management commands and pages are found."""

    name = "config"
    label = "pomelo_config"
    page_urls = "config.pages.urls"
    menu = (MenuEntry("company", "Plan", "/plan/", "plan", 30),)


class StaffAdminConfig(AdminConfig):
    """Django's admin with our site as the default one, so that every app's `admin.py` registers there."""

    default_site = "config.admin.StaffSite"

    def ready(self) -> None:
        """Leave what was imported out of garbage collection, which begins now (see config/__init__.py).

        Here, because the `admin.py` of all apps are the last of what every process imports.
        """
        super().ready()
        gc.freeze()
        # What a request leaves in cycles (DRF's view, request and answer name each other) is a few dozen objects: for a few hundred
        # requests together. What was in use at that moment is examined again soon, so that the process does not grow by it.
        gc.set_threshold(5_000, 10, 5)
