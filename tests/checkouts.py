"""Copies of this repository in which a test runs the suite or other commands."""

import os

# Set by the current run. A copy starts like a fresh clone.
OWN_ENVIRONMENT = (
    "POMELO_TEST_",
    "PYTEST_",
    "DATABASE_",
    "VALKEY_",
    "CELERY_",
    "DATA_DIR",
    "EXTENSIONS",
    "DJANGO_",
)


def clean_environment() -> dict[str, str]:
    """Return this process's environment without the variables set by the current run."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OWN_ENVIRONMENT)}
