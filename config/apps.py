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
