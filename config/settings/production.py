"""Production: the safe defaults of base, unchanged."""

from config.settings.base import *  # noqa: F403
