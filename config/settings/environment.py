"""How settings are read from the environment, and where this installation is.

Variables that are unset fall back to `secrets.env`, `engines.env` and `run.env` in `DATA_DIR`, which `make run` writes.
Any secret may also come from a file: `NAME_FILE=/path` is read when `NAME` is unset (docs/architecture.md, Contracts).
A value that cannot be read is refused with a sentence that names its variable; a value that may be secret is not repeated.
"""

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from core.engines.locks import RUN_LOCK, lock_holder

BASE_DIR = Path(__file__).resolve().parent.parent.parent

_SWITCH = {"true": True, "on": True, "yes": True, "y": True, "1": True}
_SWITCH |= {"false": False, "off": False, "no": False, "n": False, "0": False}
# What a variable must be to be read as a type. An empty one of the first four counts as unset: compose files pass those.
_EXPECTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    json.loads: "JSON",
}
_EMPTY_IS_UNSET = (bool, int, float, Decimal)


@contextmanager
def _refusing(name: str, expected: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, ArithmeticError):
        # The parser's own message may repeat a part of a password.
        raise ImproperlyConfigured(f"{name} cannot be read: it must be {expected}.") from None


class Environment(environ.Env):
    """django-environ without its guesses, each of which has misread somebody's setting.

    It takes every word it does not know for false, so a typing error would switch `REQUIRE_HTTPS` off; it drops letters from
    numbers (`1e3` is 13); and it takes a value that begins with `$`, such as a password, for the name of another variable.
    """

    def get_value(
        self,
        var: str,
        cast: Any = None,
        default: Any = environ.Env.NOTSET,
        parse_default: bool = False,
    ) -> Any:
        """Return the value of `var` as `cast` reads it, or the default. Raises ImproperlyConfigured."""
        text = self.ENVIRON.get(var)
        if text is None or (text == "" and cast in _EMPTY_IS_UNSET):
            if default is self.NOTSET:
                raise ImproperlyConfigured(f"{var} is not set.")
            return default
        one = cast[0] if isinstance(cast, list) else cast
        expected = _EXPECTED.get(one, "text")
        with _refusing(
            var, f"a list, separated by commas, of which each is {expected}" if one is not cast else expected
        ):
            return self.parse_value(text, cast)

    @classmethod
    def parse_value(cls, value: str, cast: Any) -> Any:
        """Read `value` as `cast`. Raises ValueError or ArithmeticError."""
        if cast is bool:
            if value.strip().lower() not in _SWITCH:
                raise ValueError(value)
            return _SWITCH[value.strip().lower()]
        if cast is float:
            number = float(value)
            if not math.isfinite(number):
                raise ValueError(value)
            return number
        return super().parse_value(value, cast)


env = Environment()
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
        except UnicodeDecodeError:
            raise ImproperlyConfigured(
                f"{name}_FILE names {path}, which cannot be read: it is not text in UTF-8."
            ) from None
    if default is None:
        raise ImproperlyConfigured(
            f"{name} is not set. Set {name} or {name}_FILE, or start Pomelo with `make run`, which generates "
            f"its secrets and runs its servers in DATA_DIR ({DATA_DIR}; nothing runs there now). "
            "The README lists every setting."
        )
    return default


def database(url_name: str, **options: Any) -> dict[str, Any]:
    """Turn the URL in `url_name` into a Django database using our backend."""
    url = secret(url_name)
    with _refusing(url_name, "a URL such as postgres://user:password@host:5432/name"):
        if url.partition("://")[0].lower() not in env.POSTGRES_FAMILY:
            raise ValueError(url)
        config = dict(env.db_url_config(url))
    config["ENGINE"] = "core.postgres"
    config.setdefault("OPTIONS", {}).update(options)
    return config


def one_of(name: str, choices: Iterable[str], *, default: str) -> str:
    """Return the value of `name`, which must be one of `choices`. Raises ImproperlyConfigured."""
    value = env.str(name, default=default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}: use one of {', '.join(choices)}.")
    return value


def refuse_missing_modules(name: str, modules: Iterable[str]) -> None:
    """Raise ImproperlyConfigured if `name` lists a module, or a class of one (an AppConfig), that Python does not find."""
    for module in modules:
        parent, _, last = module.rpartition(".")
        try:
            is_found = find_spec(parent if parent and last[:1].isupper() else module)
        except ImportError as error:
            # What is missing may be the module itself, or what a package on the way to it imports.
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise ImproperlyConfigured(
                    f"{name} has {module!r}, which cannot be imported: {error}."
                ) from error
            is_found = None
        except ValueError:
            is_found = None
        if is_found is None:
            raise ImproperlyConfigured(
                f"{name} has {module!r}, which Python does not find. Is its folder in PYTHONPATH?"
            )


def mail_server(url_name: str, *, default: str) -> dict[str, Any]:
    """Turn the URL in `url_name` into Django's EMAIL_… settings."""
    url = secret(url_name, default=default)
    with _refusing(url_name, "a URL such as smtp+tls://user:password@mail.example:587"):
        if url.partition("://")[0].lower() not in env.EMAIL_SCHEMES:
            raise ValueError(url)
        return dict(env.email_url_config(url))


PUBLIC_URL = env.str("PUBLIC_URL", default="http://localhost:8000").rstrip("/")
