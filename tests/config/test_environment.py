"""No value of an environment variable stops the start in a traceback, and none is misread: what cannot be read is said."""

import os
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.core.checks import registry
from django.core.exceptions import ImproperlyConfigured

from config.settings.environment import refuse_missing_modules
from tests.forked import OURS, call_with, read_settings

SOURCES = [path.read_text() for path in sorted(Path(settings.BASE_DIR, "config/settings").glob("*.py"))]
READ = re.compile(r'(env\.\w+|secret|database|mail_server|one_of)\(\s*"([A-Z_]+)"')
READERS = {name: reader for source in SOURCES for reader, name in READ.findall(source)}
SECRETS = {name for name, reader in READERS.items() if reader in ("secret", "database", "mail_server")}
# Read before everything else, and by the engines too: it says where to look for the rest.
NAMES = sorted(READERS.keys() - {"DATA_DIR"})
NUMBERS = ("env.int", "env.float")
NOT_NUMBERS = ("x", "nan")
VALUES = ("x", "[1]", "$x", "https://[::1", "redis+sentinel://[::1/a", "smtp://ada:hunter2/3@mail.example")


def refusals(environment: Mapping[str, str]) -> list[str]:
    """Return what a start says."""
    read_settings(environment)
    checks = [one for one in registry.registry.registered_checks if one.__module__.partition(".")[0] in OURS]
    try:
        return [found.msg for check in checks for found in check(app_configs=None, databases=None)]
    except ImproperlyConfigured as error:
        return [str(error)]


def tracebacks() -> list[str]:
    """Return the values that are not refused in a sentence, and the sentences that repeat a password."""
    environment = dict(os.environ)
    found = []
    for name in NAMES:
        for value in NOT_NUMBERS if READERS[name] in NUMBERS else VALUES:
            try:
                said = refusals(environment | {name: value})
            except Exception:  # whatever it is, it is what this looks for
                found.append(f"{name}={value}: {traceback.format_exc(limit=-1)}")
            else:
                found += [f"{name} says {text}" for text in said if "hunter2" in text and name in SECRETS]
    return found


def all_refusals(cases: list[tuple[str, str]]) -> list[list[str]]:
    """Return what each start says."""
    environment = dict(os.environ)
    return [refusals(environment | {name: value}) for name, value in cases]


def test_no_value_stops_the_start_in_a_traceback_or_is_repeated_if_it_is_secret() -> None:
    assert {"SECRET_KEY", "VALKEY_URL", "EMAIL_URL", "ANYMAIL", "LOG_LEVEL", "EXTENSIONS"} <= set(NAMES)
    assert call_with(os.environ, tracebacks) == []


def test_value_that_cannot_be_read_is_refused_with_advice() -> None:
    cases = {
        # Everything that is not true had been false: this switched the refusal of plain HTTP off.
        ("REQUIRE_HTTPS", "ture"): "REQUIRE_HTTPS cannot be read: it must be true or false.",
        ("HSTS_SECONDS", "1 year"): "HSTS_SECONDS cannot be read: it must be a whole number.",
        # This had been 13.
        ("WEBHOOK_TIMEOUT_SECONDS", "15s"): "WEBHOOK_TIMEOUT_SECONDS cannot be read: it must be a number.",
        ("SMS_PRICE_ESTIMATE", "ten"): "SMS_PRICE_ESTIMATE cannot be read: it must be a number.",
        ("REPUTATION_BOUNCES", "0.05;0.1"): (
            "REPUTATION_BOUNCES cannot be read: it must be a list, separated by commas, of which each is a number."
        ),
        ("ANYMAIL", "{"): "ANYMAIL cannot be read: it must be JSON.",
        ("LOG_LEVEL", "debug"): "LOG_LEVEL is 'debug': use one of DEBUG, INFO, WARNING, ERROR, CRITICAL.",
        ("EXTENSIONS", "acme.products"): (
            "EXTENSIONS has 'acme.products', which Python does not find. Is its folder in PYTHONPATH?"
        ),
        ("EMAIL_URL", "mail.example:587"): (
            "EMAIL_URL cannot be read: it must be a URL such as smtp+tls://user:password@mail.example:587."
        ),
        ("DATABASE_URL", "mysql://app@db/pomelo"): (
            "DATABASE_URL cannot be read: it must be a URL such as postgres://user:password@host:5432/name."
        ),
        ("VALKEY_URL", "localhost:6379"): (
            "VALKEY_URL cannot be used: it begins with redis://, rediss:// or unix://, or names a cluster or Sentinels."
        ),
        ("CELERY_BROKER_URL", "amqp://ada:pa/ss@broker"): (
            "CELERY_BROKER_URL (VALKEY_URL, unless it is set) cannot be used: it is not a URL (are special characters "
            "in its password percent-encoded?)."
        ),
        ("DATABASE_POOL_SIZE", "0"): "DATABASE_POOL_SIZE is 0: use 1 to 10000.",
        ("SENDER_DOMAINS_PER_COMPANY", "-1"): "SENDER_DOMAINS_PER_COMPANY is -1: use 0 to 1000000.",
        ("AUDIT_SIGN_SECONDS", "1e3"): "AUDIT_SIGN_SECONDS is 1000.0: use 0 to 300.",
    }  # fmt: skip

    said = call_with(os.environ, all_refusals, list(cases))

    assert dict(zip(cases, said, strict=True)) == {case: [sentence] for case, sentence in cases.items()}


def test_switches_and_secrets_are_read_as_they_stand() -> None:
    cases = [("REQUIRE_HTTPS", value) for value in ("TRUE", "on", "1", "no", "0", "")]
    # django-environ takes a value that begins with $ for the name of another variable.
    cases.append(("METRICS_TOKEN", "$ecret"))

    assert call_with(os.environ, all_values, cases) == [True, True, True, False, False, True, "$ecret"]


def test_database_urls_may_begin_with_capital_letters() -> None:
    said = call_with(os.environ, all_refusals, [("DATABASE_OWNER_URL", "PostgreSQL://owner@db/pomelo")])
    assert said == [[]]


def test_mails_go_to_files_in_the_folder_of_the_data_whatever_it_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "pomelo+data #1"
    environment = {
        name: value for name, value in os.environ.items() if name not in {"EMAIL_URL", "EMAIL_URL_FILE"}
    }
    environment |= {"DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings.base"}

    assert call_with(environment, mail_folder) == str(folder / "mail")


def mail_folder() -> str:
    """Return the folder of the emails."""
    return str(settings.EMAIL_FILE_PATH)


def test_file_of_a_secret_that_is_no_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"\xff\xfehunter2")
    [said] = call_with(os.environ, all_refusals, [("VAULT_TOKEN_FILE", str(file))])
    assert said == [f"VAULT_TOKEN_FILE names {file}, which cannot be read: it is not text in UTF-8."]


def test_extension_may_be_the_path_of_its_appconfig(tmp_path: Path) -> None:
    package = tmp_path / "acmes" / "products"
    package.mkdir(parents=True)
    (tmp_path / "acmes" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "apps.py").touch()
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "__init__.py").write_text("import no_such_library\n")
    names = [
        "acmes.products.apps.ProductsConfig",
        "acmes.nothing.ProductsConfig",
        "acmes.product",
        "lacking.app",
    ]

    said = call_with(os.environ, extension_refusals, str(tmp_path), names)

    advice = "which Python does not find. Is its folder in PYTHONPATH?"
    assert said == [
        "",
        f"EXTENSIONS has 'acmes.nothing.ProductsConfig', {advice}",
        f"EXTENSIONS has 'acmes.product', {advice}",
        "EXTENSIONS has 'lacking.app', which cannot be imported: No module named 'no_such_library'.",
    ]


def extension_refusals(folder: str, names: list[str]) -> list[str]:
    """Return what is said of each extension, some of which are in `folder`."""
    sys.path.insert(0, folder)
    found = []
    for name in names:
        try:
            refuse_missing_modules("EXTENSIONS", [name])
        except ImproperlyConfigured as error:
            found.append(str(error))
        else:
            found.append("")
    return found


def all_values(cases: list[tuple[str, str]]) -> list[object]:
    """Return what the settings have for each variable."""
    environment = dict(os.environ)
    found = []
    for name, value in cases:
        read_settings(environment | {name: value})
        found.append(getattr(settings, name))
    return found


def test_secrets_of_the_mail_server_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("smtp+tls://ada:hunter2@mail.example:587\n")
    environment = {name: value for name, value in os.environ.items() if name != "EMAIL_URL"}

    assert (
        call_with(
            environment | {"EMAIL_URL_FILE": str(file), "DJANGO_SETTINGS_MODULE": "config.settings.base"},
            mail_host,
        )
        == "mail.example"
    )


def mail_host() -> str:
    """Return where emails go."""
    return settings.EMAIL_HOST


def test_every_number_has_a_range() -> None:
    """One without would disable something, wait forever or delete everything when an operator mistypes it."""
    checked = "".join(path.read_text() for path in Path(settings.BASE_DIR).glob("*/checks.py"))
    numbers = [name for name, reader in READERS.items() if reader in NUMBERS]
    assert len(numbers) > 15
    assert [
        name for name in numbers if f'"{name}"' not in checked and f"settings.{name}" not in checked
    ] == []
