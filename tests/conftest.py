"""What every test has: real engines, started before Django reads its settings, and real commits."""

import os
import sys
from collections.abc import Callable, Iterator

import django
import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.engines import start_engines

if not {"-h", "--help", "--version", "--fixtures", "--markers"} & set(sys.argv):
    start_engines()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
django.setup()

from django.test import Client  # noqa: E402

from tests.clients import sign_in  # noqa: E402
from tests.factories import World, make_world  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _real_database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let every test use the database without a marker: no test database is made by Django, nothing is rolled back."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def world() -> World:
    """A fresh small world (see tests.factories)."""
    return make_world()


@pytest.fixture
def login() -> Callable[..., Client]:
    """`login(user, company=…)` returns a browser signed in a moment ago, so that it counts as a recent login."""
    return sign_in
