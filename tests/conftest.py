"""Shared fixtures: real servers, started before Django reads its settings, and real commits."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import django
import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.engines import remove_rows, start_engines

if not {"-h", "--help", "--version", "--fixtures", "--markers"} & set(sys.argv):
    start_engines()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
django.setup()
# A page of a large world is rendered from many objects, and little of it is garbage in cycles.
gc.set_threshold(10_000, 20, 50)

from celery import current_app  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402
from django.conf import settings  # noqa: E402
from django.template import Template  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import instrumented_test_render  # type: ignore[attr-defined]  # noqa: E402
from hypothesis import HealthCheck  # noqa: E402
from hypothesis import settings as hypothesis_settings  # noqa: E402

from apikeys import grants  # noqa: E402
from apikeys.services import IssuedKey  # noqa: E402
from core.background import heavy  # noqa: E402
from core.background.loops import stop_all  # noqa: E402
from tests.clients import ApiClient, random_address, sign_in  # noqa: E402
from tests.factories import World, make_key, make_world  # noqa: E402
from tests.sandbox import gateway as gateway  # noqa: E402  fixtures of every folder
from tests.versions import two_versions as two_versions  # noqa: E402

# More than any test generates and compares.
FEW_KEYS = 8

# Fifty threads of a test share the pool's connections, and on a busy machine the last ones wait for longer than a request should.
settings.DATABASES["default"]["OPTIONS"]["pool"]["timeout"] = 60

# Saved before pytest-django replaces it with Django's instrumented version.
_render = Template._render  # type: ignore[attr-defined]

# The duration of an example depends on the machine, not on the code.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Keep pytest-xdist workers from loading the settings before they have their own database and Valkey.

    Workers inherit this process's environment, and pytest-django loads the settings named there before any conftest, so
    every worker would use this process's database.
    """
    if getattr(config.option, "numprocesses", None):
        del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use at least three workers, because much of the suite waits for real processes to start and restart."""
    return max(3, os.cpu_count() or 1)


# Workers run whole files (--dist loadfile). These start first, in descending order of duration, so that no worker runs a long
# file alone at the end. By default xdist starts files with few tests last, which these are.
FIRST_FILES = (
    # Both scan every row of the worker's database, and take a minute longer after other files have filled it.
    "audit/test_retention.py",
    "apikeys/test_notices.py",
    # More than a minute each on a busy machine.
    "contracts/test_schemathesis.py",
    "journeys/test_every_page.py",
    "contracts/test_hostile_forms.py",
    "config/test_run.py",
    "upgrade/test_there_and_back.py",
    "audit/test_kills.py",
    "restore/test_restore.py",
    "journeys/test_request_log.py",
    "journeys/test_webhook_pages.py",
    "isolation/test_api_matrix.py",
    "chaos/test_chaos.py",
    "webhooks/test_recovery_crash.py",
    "messaging/test_crashes.py",
    "isolation/test_dashboard_matrix.py",
    # More than half a minute.
    "journeys/test_every_staff_page.py",
    "journeys/test_api_reference.py",
    "attacks/test_staff_reach.py",
    "contracts/test_forms_and_api.py",
    "config/test_startresource.py",
    "audit/test_every_event.py",
    "contracts/test_guard_matrix.py",
    "journeys/test_paid_invoice.py",
    "journeys/test_first_day.py",
    "journeys/test_messages.py",
    "contracts/test_hostile_fields.py",
    # More than twenty seconds, mostly spent waiting for servers.
    "core/test_engines_identity.py",
    "core/test_engines_recovery.py",
    "apikeys/test_vault.py",
    "core/api/test_idempotency_crash.py",
    "journeys/test_found_key.py",
    "core/api/test_throttling.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests of FIRST_FILES to the front. Raises UsageError if one of the files no longer exists."""
    order = {Path(__file__).parent / name: place for place, name in enumerate(FIRST_FILES)}
    if missing := [str(path) for path in order if not path.exists()]:
        raise pytest.UsageError(f"FIRST_FILES lists missing files: {', '.join(missing)}")
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_collection_finish() -> None:
    """Leave the test modules out of garbage collection, as PomeloConfig does what Django has imported."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_database() -> None:
    """Fail if a worker would share its database with another one."""
    assert settings.DATABASES["default"]["NAME"] == os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session", autouse=True)
def _real_database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Allow database access without a marker. Django creates no test database, and nothing is rolled back."""
    with django_db_blocker.unblock():
        yield
        # While database access is still allowed, because background threads flush when they stop.
        stop_all()


@pytest.fixture(scope="session", autouse=True)
def _templates_as_in_production(django_test_environment: None) -> None:
    """Render templates without recording their contexts, which takes 5 % of every page's time."""
    Template._render = _render  # type: ignore[attr-defined]


@pytest.fixture(scope="session", autouse=True)
def _few_rsa_keys() -> Iterator[None]:
    """Reuse a handful of RSA keys for sender domains, because generating them is slow."""
    make = rsa.generate_private_key
    made: list[rsa.RSAPrivateKey] = []

    def generate(public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
        if len(made) < FEW_KEYS:
            made.append(make(public_exponent, key_size))
        else:
            made.append(made.pop(0))
        assert made[-1].key_size == key_size
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rsa, "generate_private_key", generate)
        yield


@pytest.fixture
def template_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record template contexts, so that responses of the test client have a `context`."""
    monkeypatch.setattr(Template, "_render", instrumented_test_render)


@pytest.fixture(scope="module", autouse=True)
def _nothing_of_other_files(_real_database: None) -> None:
    """Start every file with an empty database and broker.

    Otherwise the relay and the pumps would process leftovers of other files, and a backlog of a thousand hints would suppress
    new ones (core.background.backlog).
    """
    remove_rows()
    current_app.control.purge()


@pytest.fixture(autouse=True)
def _answers_that_nobody_read() -> Iterator[None]:
    """Release the slots of exports that a test opened but did not read, since reference cycles keep them alive for a while."""
    yield
    heavy._taken.clear()


@pytest.fixture
def world() -> World:
    """A new small world (tests.factories)."""
    return make_world()


@pytest.fixture
def login() -> Callable[..., Client]:
    """`login(user, company=…)` returns a client that has just signed in, which counts as a recent sign-in."""
    return sign_in


@pytest.fixture
def issue_key() -> Callable[..., IssuedKey]:
    """`issue_key(company, scopes=[…], mode="live", …)` returns a new key with `.client_id` and `.client_secret`."""
    return make_key


@pytest.fixture
def api() -> Callable[..., ApiClient]:
    """`api(secret)` returns an API client with a unique IP address, because failures are counted per address."""

    def connect(
        secret: str | None = None, *, client_id: str | None = None, ip: str | None = None
    ) -> ApiClient:
        return ApiClient(secret, client_id=client_id, ip=ip or random_address())

    return connect


@pytest.fixture
def used_key(world: World) -> IssuedKey:
    """A key whose grant is in Valkey, and that this process does not remember."""
    issued = make_key(world.company)
    assert ApiClient(issued.client_secret, ip=random_address()).get("/v1/whoami").status == 200
    grants.COPIES.clear()
    return issued


# Sections of the summary, to which tests add figures with `record_property(section, text)`.
SUMMARY_SECTIONS = ("isolation", "audit")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded, for docs/security.md and docs/audit.md.

    For `tally: name`, print how many of the tests that recorded it passed.
    """
    found: dict[str, list[str]] = {name: [] for name in SUMMARY_SECTIONS}
    tallies: dict[tuple[str, str], list[bool]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if not isinstance(report, pytest.TestReport) or report.when != "call":
                continue
            for section, value in report.user_properties:
                if section not in found:
                    continue
                if str(value).startswith("tally: "):
                    tallies.setdefault((section, str(value)[7:]), []).append(report.passed)
                else:
                    found[section].append(str(value))
    for (section, name), passed in tallies.items():
        found[section].append(f"{name}: {sum(passed)}/{len(passed)}")
    for section, lines in found.items():
        if lines:
            terminalreporter.section(section)
            for line in sorted(lines):
                terminalreporter.write_line(line)
