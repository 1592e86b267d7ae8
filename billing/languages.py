"""The languages that a company's documents can be written in (ISO 639-1)."""

from django.db import models


class Language(models.TextChoices):
    """A language of documents."""

    EN = "en", "English"
    DE = "de", "Deutsch"
    ES = "es", "Español"
    FR = "fr", "Français"
    IT = "it", "Italiano"
    NL = "nl", "Nederlands"
