"""How settings are read from the environment, and where this installation is.

Variables that are unset fall back to `secrets.env`, `engines.env` and `run.env` in `DATA_DIR`, which `make run` writes.
Any secret may also come from a file: `NAME_FILE=/path` is read when `NAME` is unset (docs/architecture.md, Contracts).
"""

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from core.engines.locks import RUN_LOCK, lock_holder

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.Env()
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
# Use the addresses only while something runs there: after a power failure the files still exist.
for _name, _is_current in (
    ("secrets.env", True),
    ("engines.env", lock_holder(DATA_DIR)),
    ("run.env", lock_holder(DATA_DIR, RUN_LOCK)),
):
    if _is_current and (DATA_DIR / _name).is_file():
        env.read_env(str(DATA_DIR / _name))


def secret(name: str, default: str | None = None) -> str:
    """Read a secret from `NAME`, or from the file that `NAME_FILE` names.

    Raises ImproperlyConfigured, saying how to set it, when neither is there and there is no default.
    """
    value = env.str(name, default="")
    if value:
        return value
    path = env.str(f"{name}_FILE", default="")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error}.") from error
    if default is None:
        raise ImproperlyConfigured(
            f"{name} is not set. Set {name} or {name}_FILE, or start Pomelo with `make run`, which generates "
            f"its secrets and runs its servers in DATA_DIR ({DATA_DIR}; nothing runs there now). "
            "The README lists every setting."
        )
    return default


def database(url_name: str, **options: Any) -> dict[str, Any]:
    """Turn the URL in `url_name` into a Django database using our backend."""
    config = dict(environ.Env.db_url_config(secret(url_name)))
    config["ENGINE"] = "core.postgres"
    config.setdefault("OPTIONS", {}).update(options)
    return config


PUBLIC_URL = env.str("PUBLIC_URL", default="http://localhost:8000").rstrip("/")
