"""The test suite: cheap password hashing and in-memory mail, real engines, everything else as in production.

The engines' addresses come from the environment, set by `tests/engines.py` before Django starts; the values below only
let tools that never connect (mypy, makemigrations --check) load the settings.
"""

import os

_TOOLING_DEFAULTS = {
    "SECRET_KEY": "test-only-secret-key-that-protects-nothing-0123456789",
    "DATABASE_URL": "postgres://app@localhost/unreachable",
    "VALKEY_URL": "redis://localhost:1/0",
    "API_KEY_PEPPERS": "1:" + "5e" * 32,
    "FIELD_ENCRYPTION_KEYS": "dGVzdC1vbmx5LWtleS0wMTIzNDU2Nzg5YWJjZGVmZ2g=",
    "AUDIT_SIGNING_KEY": "dGVzdC1vbmx5LWtleS0wMTIzNDU2Nzg5YWJjZGVmZ2g=",
    "EMAIL_URL": "memorymail://",
    "PUBLIC_URL": "http://testserver",
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "REQUIRE_HTTPS": "false",
    "API_KEY_BCRYPT_ROUNDS": "4",
    "LOG_LEVEL": "WARNING",
    "BILLING_GATEWAY": "billing.gateways.sandbox.SandboxGateway",
}
for _name, _value in _TOOLING_DEFAULTS.items():
    os.environ.setdefault(_name, _value)

from config.settings.base import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Static files are not collected for a test run; without this every client warns about the missing folder.
STATIC_ROOT = None

if "unreachable" in os.environ["DATABASE_URL"]:
    # makemigrations --check queries the migration history; without a database it should fail immediately.
    for _database in DATABASES.values():  # noqa: F405
        _database["OPTIONS"].pop("pool", None)

# All tests share one client address and one day, and invite the same people.
COMPANIES_PER_ADDRESS = INVITATIONS_PER_ADDRESS = INVITATIONS_PER_RECIPIENT = 1_000_000
# A test may generate a TOTP code at the end of one 30-second step and send it in the next.
MFA_TOTP_PERIOD = 86_400
