"""Start-up refuses a database role that bypasses row-level security, and explains how to create the right one."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from core.postgres.database_role import verify_database_role
from tests.engines import superuser_url


def start(database_url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Load the WSGI application as the web server does, with this database."""
    return subprocess.run(
        [sys.executable, "-c", "import config.wsgi"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_role_app_is_accepted() -> None:
    verify_database_role()
    assert start(os.environ["DATABASE_URL"]).returncode == 0


@pytest.mark.parametrize(
    ("role", "reason"),
    [("superuser", "is a superuser, which ignores row-level security"), ("owner", "owns tables")],
)
def test_other_roles_are_refused_with_instructions(role: str, reason: str) -> None:
    url = superuser_url() if role == "superuser" else os.environ["DATABASE_OWNER_URL"]
    refused = start(url)
    assert refused.returncode != 0
    assert reason in refused.stderr
    assert "DATABASE_URL to the role `app`" in refused.stderr


def test_unreachable_database_does_not_stop_the_process() -> None:
    started = start("postgres://app:x@127.0.0.1:1/pomelo", DATABASE_POOL_TIMEOUT="1")
    assert started.returncode == 0
    assert "role_not_verified" in started.stderr
