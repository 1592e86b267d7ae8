"""Production: the safe defaults of base, nothing loosened."""

from config.settings.base import *  # noqa: F403
