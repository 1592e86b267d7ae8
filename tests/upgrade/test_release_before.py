"""The previous release works on this code's schema: during a rollout, and after a rollback.

`make test-upgrade FROM=v1.0.0` names the release, or any other commit; without FROM it is the newest tag. Its code never migrates:
it uses a server that this code has migrated, at the place where its own suite keeps one. It runs with the packages of this
checkout.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.checkouts import clean_environment
from tests.engines import EXAMPLE_APP, ROOT, copy_migrated_server

pytestmark = pytest.mark.timeout(900)

# What integrators do: customers, invoices, charges, keys, messages and webhooks, through the API.
SUITES = (
    "tests/billing/test_api.py",
    "tests/billing/test_life_of_an_invoice.py",
    "tests/apikeys/test_authentication.py",
    "tests/messaging/test_messages_api.py",
    "tests/webhooks/test_api.py",
)
WHERE_IT_KEEPS_A_SERVER = "from tests.engines import CACHE, _fingerprint; print(CACHE / _fingerprint())"


def git(*arguments: str) -> str:
    """Return what git says of this checkout; empty where it says nothing, or there is no git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The code of the release before, in a folder of its own."""
    ref = (
        os.environ.get("POMELO_TEST_UPGRADE_FROM")
        or git("tag", "--list", "v*", "--sort=-version:refname").partition("\n")[0]
    )
    if not ref:
        pytest.skip(
            "nothing is released yet (no tag v*): make test-upgrade FROM=<commit> takes any commit for the release before"
        )
    archive, folder = tmp_path / "before.tar", tmp_path / "before"
    subprocess.run(["git", "archive", "--output", str(archive), ref], cwd=ROOT, check=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def test_integrators_workflow_works_on_this_schema(before: Path) -> None:
    environment = clean_environment() | {"PYTHONDONTWRITEBYTECODE": ""}
    kept = subprocess.run(
        [sys.executable, "-c", WHERE_IT_KEEPS_A_SERVER],
        cwd=before,
        env=environment | {"EXTENSIONS": EXAMPLE_APP},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert copy_migrated_server(Path(kept)), "this run keeps no migrated server"
    suites = [suite for suite in SUITES if (before / suite).exists()]
    assert suites

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *suites],
        cwd=before,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert [path.name for path in Path(kept).parent.iterdir()] == [Path(kept).name], (
        "it has migrated a server of its own"
    )
