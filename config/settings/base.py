"""Settings shared by every environment, with safe defaults; those of the API and of people are in files of their own."""

from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

from config.settings.api import *  # noqa: F403
from config.settings.environment import (
    BASE_DIR,
    DATA_DIR,
    PUBLIC_URL,
    database,
    env,
    mail_server,
    one_of,
    refuse_missing_modules,
    secret,
)
from config.settings.people import *  # noqa: F403
from core.valkey.urls import BadUrl, celery_options, check_url

# --- Core -----------------------------------------------------------------------------------------------------------
DEBUG = False
SECRET_KEY = secret("SECRET_KEY")
# Accepted but not used to sign: the previous or next key (docs/runbooks/rotate-secrets.md).
SECRET_KEY_FALLBACKS = [key for key in secret("SECRET_KEY_FALLBACKS", default="").split(",") if key]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
ROOT_URLCONF = "config.urls"
# Where vulnerabilities are reported, for /.well-known/security.txt: mailto:, https: or tel: URIs.
SECURITY_CONTACTS = env.list("SECURITY_CONTACTS", default=[])
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = True

INSTALLED_APPS = [
    "config.apps.PomeloConfig",
    "core",
    "accounts",
    "billing",
    "apikeys",
    "messaging",
    "webhooks",
    "audit",
    "unfold.apps.BasicAppConfig",  # keeps our StaffSite as the default site
    "unfold.contrib.filters",
    "config.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "corsheaders",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]

MIDDLEWARE = [
    "core.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.middleware.CompressPagesMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "core.middleware.StaleCacheWarningMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "core.middleware.NoNulMiddleware",
    "core.middleware.DatabaseUnavailableMiddleware",
    "accounts.adapters.SessionSeenMiddleware",
]

# The collector that spans are sent to (OTLP over HTTP). Unset, OpenTelemetry is not even imported (core.tracing).
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
if OTEL_EXPORTER_OTLP_ENDPOINT:
    MIDDLEWARE.insert(0, "core.tracing.middleware.TraceMiddleware")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.pages.context.shell",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.append("django.forms")
# External apps that add routes, scopes, events and pages (docs/extending.md).
EXTENSIONS = env.list("EXTENSIONS", default=[])
refuse_missing_modules("EXTENSIONS", EXTENSIONS)
INSTALLED_APPS += EXTENSIONS

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = "UTC"
USE_TZ = True

# --- PostgreSQL -----------------------------------------------------------------------------------------------------
# `default` is the role `app`, which owns nothing and is subject to row-level security; `owner` runs migrations (docs/architecture.md, Tenancy).
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=16)
DATABASE_POOL_TIMEOUT = env.float("DATABASE_POOL_TIMEOUT", default=2.0)
DATABASES = {
    "default": database(
        "DATABASE_URL",
        pool={
            "min_size": 0,
            "max_size": DATABASE_POOL_SIZE,
            # A request that gets no connection within this time is asked to retry.
            "timeout": DATABASE_POOL_TIMEOUT,
            # How long one connection attempt may back off. Short, because the next caller starts a new attempt immediately.
            "reconnect_timeout": 0.5,
        },
    ),
    "owner": database("DATABASE_OWNER_URL")
    if env.str("DATABASE_OWNER_URL", default="") or env.str("DATABASE_OWNER_URL_FILE", default="")
    else database("DATABASE_URL"),
}
# A superuser or a managed service's administrator, only for `manage.py restore` into a new cluster. No serving process needs it.
DATABASE_ADMIN_URL = secret("DATABASE_ADMIN_URL", default="")
# For debugging: send every statement immediately (ADR 8).
DATABASE_STATEMENTS_APART = env.bool("DATABASE_STATEMENTS_APART", default=False)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Valkey ---------------------------------------------------------------------------------------------------------
VALKEY_URL = secret("VALKEY_URL")
RATE_LIMIT_FAILURE_MODE = env.str("RATE_LIMIT_FAILURE_MODE", default="local")
CACHES = {
    "default": {
        "BACKEND": "core.valkey.cache.ValkeyCache",
        "KEY_PREFIX": "cache",
        "OPTIONS": {
            "CLIENT_CLASS": "core.valkey.cache.SharedClient",
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
        },
    }
}

# --- Celery: carries only hints, the source of truth is PostgreSQL (docs/architecture.md, Events) ------------------------------------------------
CELERY_BROKER_URL = secret("CELERY_BROKER_URL", default=VALKEY_URL)
try:
    check_url(VALKEY_URL)
except BadUrl as error:
    raise ImproperlyConfigured(f"VALKEY_URL cannot be used: {error}.") from error
try:
    CELERY_BROKER_URL, CELERY_BROKER_USE_SSL, _more_for_the_broker = celery_options(CELERY_BROKER_URL)
except BadUrl as error:
    # Otherwise the error would only surface in the request that enqueues the first task.
    raise ImproperlyConfigured(
        f"CELERY_BROKER_URL (VALKEY_URL, unless it is set) cannot be used: {error}."
    ) from error
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Remote control is disabled, because anyone with write access to the broker could stop all workers.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "socket_timeout": 30,
    "socket_connect_timeout": 1,
    # A hint that cannot be sent is dropped immediately, so that no request waits for the broker (core.background.jobs).
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 1,
    "interval_max": 1,
    **_more_for_the_broker,
}
CELERY_BEAT_SCHEDULER = "config.beat:BoundedScheduler"
CELERY_TASK_TIME_LIMIT = 280
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"

# --- Transport ------------------------------------------------------------------------------------------------------
REQUIRE_HTTPS = env.bool("REQUIRE_HTTPS", default=True)
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
# The header in which those proxies pass the client's address and scheme: x-forwarded-for (with x-forwarded-proto) or forwarded.
FORWARDED_HEADER = env.str("FORWARDED_HEADER", default="x-forwarded-for").lower()
# How long a body may take (config.door.bodies adds a second for each 16 KiB that arrives).
BODY_TIMEOUT_SECONDS = env.float("BODY_TIMEOUT_SECONDS", default=10.0)
HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_SECONDS = HSTS_SECONDS if REQUIRE_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = REQUIRE_HTTPS
SECURE_HSTS_PRELOAD = REQUIRE_HTTPS
SECURE_SSL_REDIRECT = False  # core.middleware redirects pages and refuses /v1 (docs/architecture.md, Running)
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # which asks for SECURE_SSL_REDIRECT
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = REQUIRE_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = REQUIRE_HTTPS
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "img-src": ["'self'", "data:"],
        "manifest-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
    }
}

# --- Credentials (docs/architecture.md, Keys) ----------------------------------------------------------------------------------------
API_KEY_HASHER = env.str("API_KEY_HASHER", default="bcrypt_sha256")
API_KEY_BCRYPT_ROUNDS = env.int("API_KEY_BCRYPT_ROUNDS", default=12)
API_KEY_PEPPERS = secret("API_KEY_PEPPERS")
FIELD_ENCRYPTION_KEYS = secret("FIELD_ENCRYPTION_KEYS").split(",")
SECRET_STORE = env.str("SECRET_STORE", default="database")
VAULT_ADDR = env.str("VAULT_ADDR", default="")
VAULT_TOKEN = secret("VAULT_TOKEN", default="")
VAULT_MOUNT = env.str("VAULT_MOUNT", default="secret")
# How a process authenticates to Vault: a fixed `token`, `approle` or `kubernetes` (mounted at its own name by default).
VAULT_AUTH = env.str("VAULT_AUTH", default="token")
VAULT_AUTH_MOUNT = env.str("VAULT_AUTH_MOUNT", default="")
VAULT_ROLE_ID = env.str("VAULT_ROLE_ID", default="")
VAULT_SECRET_ID = secret("VAULT_SECRET_ID", default="")
VAULT_ROLE = env.str("VAULT_ROLE", default="")
VAULT_KUBERNETES_TOKEN_FILE = env.str(
    "VAULT_KUBERNETES_TOKEN_FILE", default="/var/run/secrets/kubernetes.io/serviceaccount/token"
)

# --- Audit ----------------------------------------------------------------------------------------------------------
AUDIT_SIGNING_KEY = secret("AUDIT_SIGNING_KEY")
# Additional valid public keys (64 hex digits): those of former signing keys, and of the next one.
AUDIT_VERIFY_KEYS = [key.strip() for key in env.list("AUDIT_VERIFY_KEYS", default=[])]
AUDIT_RETENTION_DAYS = env.int("AUDIT_RETENTION_DAYS", default=90)
# A chain's head is signed and exported at most once in this many seconds (0 to 300).
AUDIT_SIGN_SECONDS = env.float("AUDIT_SIGN_SECONDS", default=55.0)
# Signed heads of the seals are appended to this file outside the database, where the database's owner should not have write access.
AUDIT_HEADS_FILE = env.str("AUDIT_HEADS_FILE", default=str(DATA_DIR / "audit" / "heads.jsonl"))

# --- Webhooks -------------------------------------------------------------------------------------------------------
WEBHOOK_ALLOWED_NETWORKS = env.list("WEBHOOK_ALLOWED_NETWORKS", default=[])
# Whether webhooks may reach this machine as long as no proxy is configured: set by `make run`, never in production.
WEBHOOK_LOOPBACK = env.bool("WEBHOOK_LOOPBACK", default=False)
# Concurrent calls per worker process; total time limit of a call in seconds; seconds after which another process takes over
# the deliveries of one that stopped responding (must exceed the time limit).
WEBHOOK_CONCURRENCY = env.int("WEBHOOK_CONCURRENCY", default=256)
WEBHOOK_TIMEOUT_SECONDS = env.float("WEBHOOK_TIMEOUT_SECONDS", default=15.0)
WEBHOOK_LEASE_SECONDS = env.float("WEBHOOK_LEASE_SECONDS", default=30.0)

# A slow call (network, bcrypt) inside a transaction is logged and counted; with True it raises (core.postgres.outside).
REFUSE_CALLS_IN_TRANSACTIONS = False

# --- Billing: payment gateways (docs/architecture.md, Billing) --------------------------------------------------------------------------
# Empty: charges are refused, with the reason. `make run` has the sandbox (config.settings.local).
BILLING_GATEWAY = env.str("BILLING_GATEWAY", default="")
# Previous gateways, which still complete and refund their own charges.
BILLING_FORMER_GATEWAYS = env.list("BILLING_FORMER_GATEWAYS", default=[])
GATEWAY_TIMEOUT_SECONDS = env.float("GATEWAY_TIMEOUT_SECONDS", default=10.0)
# If unset, the URL is read from DATA_DIR, where the sandbox server writes it.
SANDBOX_GATEWAY_URL = env.str("SANDBOX_GATEWAY_URL", default="")
SANDBOX_GATEWAY_TOKEN = secret("SANDBOX_GATEWAY_TOKEN", default="")
# Stripe (docs/billing.md): each mode has its own key and signing secret; a mode without them refuses charges.
STRIPE_LIVE_SECRET_KEY = secret("STRIPE_LIVE_SECRET_KEY", default="")
STRIPE_LIVE_WEBHOOK_SECRET = secret("STRIPE_LIVE_WEBHOOK_SECRET", default="")
STRIPE_TEST_SECRET_KEY = secret("STRIPE_TEST_SECRET_KEY", default="")
STRIPE_TEST_WEBHOOK_SECRET = secret("STRIPE_TEST_WEBHOOK_SECRET", default="")
STRIPE_API_URL = env.str("STRIPE_API_URL", default="").rstrip("/")
# The origin of Stripe's payment pages, the only one payers are redirected to. Differs if you use a custom domain with Stripe.
STRIPE_CHECKOUT_URL = env.str("STRIPE_CHECKOUT_URL", default="https://checkout.stripe.com").rstrip("/")
# TTF files for scripts missing from the invoice fonts (which cover Latin, Greek, Cyrillic, Armenian, Georgian, …).
INVOICE_FALLBACK_FONTS = env.list("INVOICE_FALLBACK_FONTS", default=[])

# --- Email ----------------------------------------------------------------------------------------------------------
vars().update(mail_server("EMAIL_URL", default=f"filemail://{quote(str(DATA_DIR / 'mail'))}"))
if vars()["EMAIL_FILE_PATH"]:
    # filemail:///var/mail means /var/mail, but the parser drops the leading slash, which would make the path relative.
    EMAIL_FILE_PATH = f"/{vars()['EMAIL_FILE_PATH'].lstrip('/')}"
# Emails are stored as rows first; a job sends them through the backend configured by EMAIL_URL (core.mail).
MAIL_TRANSPORT = vars()["EMAIL_BACKEND"]
EMAIL_BACKEND = "core.mail.backend.QueuedBackend"
# Timeout in seconds for each step of an SMTP session.
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT_SECONDS", default=10)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Pomelo <no-reply@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Messaging (docs/messaging.md): the provider of each channel; without one, messages are written to files in DATA_DIR ----------
MESSAGING_SMTP_URL = secret(
    "MESSAGING_SMTP_URL", default=secret("EMAIL_URL", "") if "smtp" in secret("EMAIL_URL", "")[:4] else ""
)
# Messages and their statistics are deleted after this many days (messaging.services.retention); 0 means never.
MESSAGE_RETENTION_DAYS = env.int("MESSAGE_RETENTION_DAYS", default=365)
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", default="")
TWILIO_AUTH_TOKEN = secret("TWILIO_AUTH_TOKEN", default="")
TWILIO_API_URL = env.str("TWILIO_API_URL", default="")
MESSAGING_PROVIDERS = {
    "email": env.str("MESSAGING_EMAIL_PROVIDER", default="smtp" if MESSAGING_SMTP_URL else "file"),
    "sms": env.str("MESSAGING_SMS_PROVIDER", default="twilio" if TWILIO_ACCOUNT_SID else "file"),
}
MESSAGING_ANYMAIL_BACKEND = env.str("MESSAGING_ANYMAIL_BACKEND", default="")
ANYMAIL = env.json("ANYMAIL", default={})
if not isinstance(ANYMAIL, dict):
    raise ImproperlyConfigured('ANYMAIL must be a JSON object, such as {"POSTMARK_SERVER_TOKEN": "…"}.')
MESSAGING_EMAIL_FROM = env.str("MESSAGING_EMAIL_FROM", default=DEFAULT_FROM_EMAIL)
MESSAGING_SMS_FROM = env.str("MESSAGING_SMS_FROM", default="Pomelo")
MESSAGING_RETURN_PATH = env.str("MESSAGING_RETURN_PATH", default="")
# The SPF include that companies are told to add to their domains: the operator's record, which lists the sending servers.
MESSAGING_SPF_INCLUDE = env.str("MESSAGING_SPF_INCLUDE", default="")
# DNS resolvers for the records of sender domains: addresses, with a port if it is not 53. Empty: the system's resolver.
MESSAGING_DNS_RESOLVERS = env.list("MESSAGING_DNS_RESOLVERS", default=[])
# Live email of a company is slowed, then paused, when its bounce or complaint rate over REPUTATION_DAYS reaches these values.
# Fewer recipients than the minimum are not significant. The values are those that large email services apply to senders.
REPUTATION_DAYS = env.int("REPUTATION_DAYS", default=7)
REPUTATION_MINIMUM = env.int("REPUTATION_MINIMUM", default=200)
REPUTATION_BOUNCES = tuple(env.list("REPUTATION_BOUNCES", cast=float, default=[0.05, 0.1]))
REPUTATION_COMPLAINTS = tuple(env.list("REPUTATION_COMPLAINTS", cast=float, default=[0.001, 0.005]))
# SMS costs are counted in the currency in which the provider bills. A segment to a destination without a known price yet counts
# as the estimate.
SMS_PRICE_CURRENCY = env.str("SMS_PRICE_CURRENCY", default="USD")
SMS_PRICE_ESTIMATE = env.get_value("SMS_PRICE_ESTIMATE", cast=Decimal, default=Decimal("0.10"))
SENDER_DOMAINS_PER_COMPANY = env.int("SENDER_DOMAINS_PER_COMPANY", default=50)  # in each mode
SMS_SENDERS_PER_COMPANY = env.int("SMS_SENDERS_PER_COMPANY", default=20)  # in each mode
MESSAGING_CALLBACK_SECRET = secret("MESSAGING_CALLBACK_SECRET", default="")
MESSAGING_CONCURRENCY = env.int("MESSAGING_CONCURRENCY", default=4)

# --- Static files ---------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "core.ui.assets.BundleFinder",
]
STATIC_ROOT: Path | None = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# The bearer token for /metrics and the details of /readyz. Requests from this machine need none.
METRICS_TOKEN = secret("METRICS_TOKEN", default="")
# prometheus-client itself reads the variable; it is set where several web processes share one /metrics.
METRICS_MULTIPROCESS = bool(env.str("PROMETHEUS_MULTIPROC_DIR", default=""))

# --- Logs -----------------------------------------------------------------------------------------------------------
LOG_LEVEL = one_of("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO")
LOG_FORMAT = one_of("LOG_FORMAT", ("json", "console"), default="json")
LOGGING_CONFIG = "core.operations.logging.configure"
# Path prefixes of pages whose URL contains a secret as the only credential. A test compares this with the existing URLs.
LOG_LINKS = ("/i/", "/u/", "/invitations/", "/accounts/password/reset/key/")
LOGGING = {"level": LOG_LEVEL, "format": LOG_FORMAT, "links": LOG_LINKS}
