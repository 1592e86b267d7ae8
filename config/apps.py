from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PomeloConfig(AppConfig):
    """The composition root as an app, so that its management commands and pages are found."""

    name = "config"
    label = "pomelo_config"


class StaffAdminConfig(AdminConfig):
    """Django's admin with our site as the default one, so that every app's `admin.py` registers there."""

    default_site = "config.admin.StaffSite"
