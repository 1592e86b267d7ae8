"""`make run` and management commands on a developer's machine: readable logs, everything else as in production."""

from config.settings.base import *  # noqa: F403
from config.settings.base import LOG_LEVEL, LOG_LINKS, MIDDLEWARE, STORAGES, WEBHOOK_LOOPBACK
from config.settings.environment import env, one_of

LOG_FORMAT = one_of("LOG_FORMAT", ("json", "console"), default="console")
LOGGING = {"level": LOG_LEVEL, "format": LOG_FORMAT, "links": LOG_LINKS}

# The files that every page needs have hashed names, are compressed and cached for a year, as in production. The rest (the staff
# site, the API viewers) is served from its source folder, because collecting it would dominate the first start (core.ui.assets).
STORAGES["staticfiles"] = {"BACKEND": "core.ui.assets.OwnFilesStorage"}
WHITENOISE_USE_FINDERS = True

# `make run` starts the sandbox gateway too; with your own database it sets this to an empty string.
BILLING_GATEWAY = env.str("BILLING_GATEWAY", default="billing.gateways.sandbox.SandboxGateway")

if WEBHOOK_LOOPBACK:
    MIDDLEWARE.insert(0, "core.outbound.loopback.LoopbackGuard")
