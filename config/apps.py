from django.apps import AppConfig


class PomeloConfig(AppConfig):
    """The composition root as an app, so that its management commands and pages are found."""

    name = "config"
    label = "pomelo_config"
