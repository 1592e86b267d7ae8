"""The document languages (ISO 639-1)."""

from django.db import models


class Language(models.TextChoices):
    """A document language."""

    EN = "en", "English"
    DE = "de", "Deutsch"
    ES = "es", "Español"
    FR = "fr", "Français"
    IT = "it", "Italiano"
    NL = "nl", "Nederlands"
