"""The secrets that an installation generates for itself, once."""

import base64
import secrets
from collections.abc import Callable
from pathlib import Path

from core.engines.envfile import read_env_file, write_env_file

SECRETS_FILE = "secrets.env"
ADMIN_FILE = "admin.env"


def _key_of_32_bytes() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


# Read by Django's settings. FIELD_ENCRYPTION_KEYS is a Fernet key, AUDIT_SIGNING_KEY an Ed25519 seed.
_APPLICATION: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(64),
    "API_KEY_PEPPERS": lambda: f"1:{secrets.token_hex(32)}",
    "FIELD_ENCRYPTION_KEYS": _key_of_32_bytes,
    "AUDIT_SIGNING_KEY": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
    "POSTGRES_OWNER_PASSWORD": lambda: secrets.token_hex(24),
    "POSTGRES_APP_PASSWORD": lambda: secrets.token_hex(24),
    "VALKEY_PASSWORD": lambda: secrets.token_hex(24),
}
# Separate, because the running application must not know the superuser's password.
_ADMIN: dict[str, Callable[[], str]] = {"POSTGRES_SUPERUSER_PASSWORD": lambda: secrets.token_hex(24)}


def _ensure(path: Path, makers: dict[str, Callable[[], str]], comment: str) -> dict[str, str]:
    values = read_env_file(path)
    missing = {name: make() for name, make in makers.items() if not values.get(name)}
    if missing:
        values |= missing
        write_env_file(path, values, comment=comment)
    return values


def ensure_secrets(data_dir: Path) -> dict[str, str]:
    """Return all secrets of `data_dir`, generating missing ones. Existing ones are never changed."""
    application = _ensure(
        data_dir / SECRETS_FILE,
        _APPLICATION,
        "Generated at the first start. Keep it with your backups: without it sessions, webhook secrets and seals are lost.",
    )
    return application | _ensure(
        data_dir / ADMIN_FILE, _ADMIN, "PostgreSQL's superuser; not read by the application."
    )
