"""Settings of the API: the request pipeline, the OpenAPI document, and which browsers may read answers. Part of `base`."""

# --- The request pipeline (docs/architecture.md, The request pipeline): core names its collaborators by path, since it imports no app -------------------
# The middleware of /v1, in place of MIDDLEWARE (core.api.entry).
API_MIDDLEWARE = ["core.api.compression.CompressionMiddleware", "core.api.browsers.ApiCorsMiddleware"]
# Called with a request that came over plain HTTP, before it is refused.
API_EXPOSURE = "apikeys.authentication.report_exposed_credential"
API_REQUEST_LOG = "audit.ingest.buffer.record"
KEY_CALLS = "audit.usage.calls_of_key"
KEY_DAYS = "audit.dimensions.days_of_keys"
REQUEST_FIXES = "config.pages.request_fixes.fixes_of"
OBJECT_HISTORY = "audit.selectors.history_of"
EVENT_SINKS = ["audit.sinks.record"]
API_MAX_BODY_BYTES = 1_048_576
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
# In DRF's order. Each may be replaced per view as DRF documents; system checks enforce what a view must keep.
REST_FRAMEWORK = {
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "core.api.rendering.Negotiation",
    "DEFAULT_AUTHENTICATION_CLASSES": ["apikeys.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["core.api.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["core.api.throttles.KeyThrottle", "core.api.throttles.CompanyThrottle"],
    "DEFAULT_PARSER_CLASSES": ["core.api.rendering.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["core.api.filters.FilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "core.api.pagination.CursorPagination",
    "DEFAULT_RENDERER_CLASSES": ["core.api.rendering.JSONRenderer"],
    "EXCEPTION_HANDLER": "core.api.exceptions.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.ApiSchema",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Pomelo API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "DESCRIPTION": (
        "Customers, invoices, charges, messages and webhooks of one company. Authenticate with an API key; its secret "
        "decides the company and the mode (live or test), and no parameter can change either. Every write accepts an "
        "`Idempotency-Key`. Every refusal is `application/problem+json`."
    ),
    # Replaced by PUBLIC_URL when served (core.api.document). Clients generated from the file need an absolute URL too.
    "SERVERS": [{"url": "http://localhost:8000", "description": "`make run`"}],
    "LICENSE": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "CONTACT": {"name": "API support", "url": "http://localhost:8000/docs/"},
    "SCHEMA_PATH_PREFIX": "/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_PATCH": True,
    "SORT_OPERATION_PARAMETERS": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "webhooks.api.payloads.add_payloads",
        "core.api.schema.add_shared_components",
        "core.api.examples.add_examples",
    ],
}

# --- Browsers (docs/architecture.md, Keys): apikeys.cors decides by key which origins may read a response -----------------------------------
CORS_URLS_REGEX = r"^/v1/"
CORS_ALLOW_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]
# The headers that the API reads, and those that tracing and common libraries add to every request.
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "baggage",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "pomelo-version",
    "traceparent",
    "tracestate",
    "x-client-id",
    "x-client-request-id",
    "x-client-secret",
    "x-request-id",
    "x-requested-with",
]
CORS_EXPOSE_HEADERS = [
    "Deprecation",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Pomelo-Secret-Ends",
    "Pomelo-Version",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "WWW-Authenticate",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-Id",
]
CORS_PREFLIGHT_MAX_AGE = 600
