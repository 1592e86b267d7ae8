"""`make run` and management commands on a developer's machine: readable logs, everything else as in production."""

from config.settings.base import *  # noqa: F403
from config.settings.base import LOG_LINKS, MIDDLEWARE, STORAGES, WEBHOOK_LOOPBACK, env

LOG_FORMAT = env.str("LOG_FORMAT", default="console")
LOGGING = {"level": env.str("LOG_LEVEL", default="INFO"), "format": LOG_FORMAT, "links": LOG_LINKS}

# What every page needs is named by its content, compressed and kept for a year, as in production; the rest (the staff site, the
# API viewers) is served from where it lies: collecting all of it would take most of the first start (core.ui.assets).
STORAGES["staticfiles"] = {"BACKEND": "core.ui.assets.OwnFilesStorage"}
WHITENOISE_USE_FINDERS = True

# `make run` starts the sandbox beside the rest; with a database of your own it sets this to nothing.
BILLING_GATEWAY = env.str("BILLING_GATEWAY", default="billing.gateways.sandbox.SandboxGateway")

if WEBHOOK_LOOPBACK:
    MIDDLEWARE.insert(0, "core.outbound.loopback.LoopbackGuard")
