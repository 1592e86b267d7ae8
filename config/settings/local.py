"""`make run` and management commands on a developer's machine: readable logs, everything else as in production."""

from config.settings.base import *  # noqa: F403
from config.settings.base import env

LOG_FORMAT = env.str("LOG_FORMAT", default="console")
LOGGING = {"level": env.str("LOG_LEVEL", default="INFO"), "format": LOG_FORMAT}
