"""Other copies of this repository, in which a run of the suite begins a run of its own."""

import os

# What a run has set for itself; a copy begins like a fresh clone.
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
    """Return this process's environment without what its own run has set."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OWN_ENVIRONMENT)}
