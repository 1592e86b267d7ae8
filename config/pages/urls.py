"""Addresses of the pages that belong to no single app."""

from django.urls import path

from config.pages import overview, theme

app_name = "pages"
urlpatterns = [
    path("", overview.overview_page, name="overview"),
    path("theme/", theme.choose_theme, name="theme"),
]
