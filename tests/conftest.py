"""What every test has: real engines, started before Django reads its settings, and real commits."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import django
import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.engines import remove_rows, start_engines

# As in the web server (config.wsgi): a worker keeps all that it has imported and collected, which need not be looked through.
gc.set_threshold(10_000, 20, 50)
if not {"-h", "--help", "--version", "--fixtures", "--markers"} & set(sys.argv):
    start_engines()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
django.setup()

from celery import current_app  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402
from django.conf import settings  # noqa: E402
from django.template import Template  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import instrumented_test_render  # type: ignore[attr-defined]  # noqa: E402
from hypothesis import HealthCheck  # noqa: E402
from hypothesis import settings as hypothesis_settings  # noqa: E402

from apikeys.services import IssuedKey  # noqa: E402
from core.background import heavy  # noqa: E402
from core.background.loops import stop_all  # noqa: E402
from tests.clients import ApiClient, random_address, sign_in  # noqa: E402
from tests.factories import World, make_key, make_world  # noqa: E402
from tests.sandbox import gateway as gateway  # noqa: E402  fixtures of every folder
from tests.versions import two_versions as two_versions  # noqa: E402

# More than any test makes before it compares two of them.
FEW_KEYS = 8

# Before pytest-django puts Django's instrumented one in its place.
_render = Template._render  # type: ignore[attr-defined]

# How long an example takes says something about the machine, not about the code.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the workers of pytest-xdist from reading the settings before they have a database and a Valkey of their own.

    They inherit this process's environment, and pytest-django loads the settings it finds named there before any
    conftest: every worker would then use the database of this process.
    """
    if getattr(config.option, "numprocesses", None):
        del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run three at least: much of the suite waits for real processes to start, to be killed and to come back."""
    return max(3, os.cpu_count() or 1)


# A worker takes whole files (--dist loadfile). These begin first, the longest of them foremost, so that no worker is left
# alone at the end with minutes of waiting; without the hint xdist would begin files of few tests last, which these are.
FIRST_FILES = (
    # Both go through every row of the worker's database, and take a minute longer when other files have filled it.
    "audit/test_retention.py",
    "apikeys/test_notices.py",
    # A minute and more each on a busy machine.
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
    # Half a minute and more.
    "attacks/test_staff_reach.py",
    "config/test_startresource.py",
    "audit/test_every_event.py",
    "contracts/test_guard_matrix.py",
    "billing/test_crashes.py",
    "journeys/test_paid_invoice.py",
    "apikeys/test_immediate_effect.py",
    "isolation/test_filters_use_indexes.py",
    "journeys/test_first_day.py",
    "journeys/test_messages.py",
    # Twenty seconds and more, most of it waiting for servers.
    "core/test_engines_identity.py",
    "core/test_engines_recovery.py",
    "apikeys/test_vault.py",
    "core/api/test_idempotency_crash.py",
    "journeys/test_found_key.py",
    "core/api/test_throttling.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the tests of FIRST_FILES to the front. Raises UsageError when one of the files is not there any more."""
    order = {Path(__file__).parent / name: place for place, name in enumerate(FIRST_FILES)}
    if missing := [str(path) for path in order if not path.exists()]:
        raise pytest.UsageError(f"FIRST_FILES names what does not exist: {', '.join(missing)}")
    items.sort(key=lambda item: order.get(item.path, len(order)))


@pytest.fixture(scope="session", autouse=True)
def _own_database() -> None:
    """Fail every test of a worker that would share its database with another one."""
    assert settings.DATABASES["default"]["NAME"] == os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session", autouse=True)
def _real_database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let every test use the database without a marker: no test database is made by Django, nothing is rolled back."""
    with django_db_blocker.unblock():
        yield
        # While the database may still be used: what runs in the background writes its last notes at its end.
        stop_all()


@pytest.fixture(scope="session", autouse=True)
def _templates_as_in_production(django_test_environment: None) -> None:
    """Let templates render without copying their context for whoever looks at it: a twentieth of every page's time."""
    Template._render = _render  # type: ignore[attr-defined]


@pytest.fixture(scope="session", autouse=True)
def _few_rsa_keys() -> Iterator[None]:
    """Make a handful of RSA keys, for the domains that mail comes from, and give them out in turn: as cheap hashes for passwords."""
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
    """Let the test client's answers have the `context` of what was rendered for them."""
    monkeypatch.setattr(Template, "_render", instrumented_test_render)


@pytest.fixture(scope="module", autouse=True)
def _nothing_of_other_files(_real_database: None) -> None:
    """Begin every file with an empty database and broker.

    What another one left due would take its turn in this one's relay and pumps, and where a thousand hints wait, no more are
    sent (core.background.backlog).
    """
    remove_rows()
    current_app.control.purge()


@pytest.fixture(autouse=True)
def _answers_that_nobody_read() -> Iterator[None]:
    """Free the places of exports that a test opened and did not read: a test's client keeps them in a cycle for a while."""
    yield
    heavy._taken.clear()


@pytest.fixture
def world() -> World:
    """A fresh small world (see tests.factories)."""
    return make_world()


@pytest.fixture
def login() -> Callable[..., Client]:
    """`login(user, company=…)` returns a browser signed in a moment ago, so that it counts as a recent login."""
    return sign_in


@pytest.fixture
def issue_key() -> Callable[..., IssuedKey]:
    """`issue_key(company, scopes=[…], mode="live", …)` returns a new key with `.client_id` and `.client_secret`."""
    return make_key


@pytest.fixture
def api() -> Callable[..., ApiClient]:
    """`api(secret)` returns an integrator's client at an address of its own, since failures are counted by address."""

    def connect(
        secret: str | None = None, *, client_id: str | None = None, ip: str | None = None
    ) -> ApiClient:
        return ApiClient(secret, client_id=client_id, ip=ip or random_address())

    return connect


# Sections of the summary, in which tests put figures by `record_property(section, text)`.
SUMMARY_SECTIONS = ("isolation", "audit")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded; they belong in docs/security.md and docs/audit.md.

    A figure `tally: name` is counted instead: how many of the tests with it passed.
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
