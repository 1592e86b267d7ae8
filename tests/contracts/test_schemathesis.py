"""Schemathesis reads the OpenAPI document and tries, on a live server, to catch the two contradicting each other.

`.venv/bin/pytest tests/contracts/test_schemathesis.py` prints its report when it finds something; each finding there
ends with the request as a curl command.

Every check is on for every operation. What no JSON Schema can say (whether there is such a customer, whether `from` lies
before `to`) is listed rule by rule, with its reason, in schemathesis_rules.py, and schemathesis_repairs.py makes most cases
hold it. So every operation accepts requests of the coverage phase, and the chains are about objects that are there.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from core.api.scopes import SCOPES
from tests.contracts.operations import list_operations
from tests.contracts.schemathesis_world import make_contract_world
from tests.factories import make_key
from tests.isolation.matrix import UNLIMITED, make_unlimited_world
from tests.live import web_process

# Every case that the document's bounds, enumerations and examples call for, and some by chance: the same on each run.
BY_THE_DOCUMENT = ("examples", "coverage", "fuzzing")
# Chains of requests, in which a later one uses what an earlier one made. A chain ends early when the server answers a
# request otherwise than the last time, as it must where an object was used up; then another one is begun.
CHAINS = ("stateful",)
# Some 7,000 requests, for which a machine that does much else at the same time needs longer.
pytestmark = pytest.mark.timeout(1800)
SEED = 20260131
CONFIGURATION = """
hooks = "tests.contracts.schemathesis_hooks"
auth.openapi.bearer.bearer = "{secret}"
generation.max-examples = 2
phases.stateful.generation.max-examples = 40
"""


def run_schemathesis(url: str, secret: str, folder: Path, phases: tuple[str, ...]) -> dict[str, Any]:
    """Run `phases` with the key of `secret`, from and to `folder`, and return the report; nothing may be found."""
    configuration = folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(secret=secret))
    report = folder / f"{phases[-1]}.json"
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={configuration}",
            "run",
            f"{url}/v1/openapi.json",
            f"--phases={','.join(phases)}",
            f"--seed={SEED}",
            "--generation-database=none",
            "--no-shrink",
            "--request-timeout=60",  # ten seconds by default, which a busy machine may need for the document alone
            "--no-color",
            # How fast data can be made says something about this machine only.
            "--suppress-health-check=all",
            f"--report-json-path={report}",
        ],
        cwd=folder,
        env=os.environ | {"CONTRACT_WORLD": str(folder / "world.json"), "PYTHONPATH": str(settings.BASE_DIR)},
        capture_output=True,
        text=True,
        check=False,
    )
    output = folder / f"{phases[-1]}.txt"
    output.write_text(done.stdout + done.stderr)
    assert done.returncode == 0, output.read_text()
    found: dict[str, Any] = json.loads(report.read_text())
    assert {name: found["phases"][name]["status"] for name in phases} == dict.fromkeys(phases, "success")
    return found


def test_the_server_keeps_what_the_document_promises(tmp_path: Path) -> None:
    world = make_unlimited_world()
    (tmp_path / "world.json").write_text(json.dumps(make_contract_world(world.tenant("live"))))
    key = make_key(world.company, scopes=tuple(SCOPES), rate_limit=UNLIMITED)
    operations = {f"{found.method} {found.path('{id}')}" for found in list_operations() if found.view.schema}  # type: ignore[attr-defined]

    # Each request comes from an address of its own (see the hooks), as if through a proxy.
    with web_process(
        environment={
            "TRUSTED_PROXIES": "127.0.0.1",
            "SENDER_DOMAINS_PER_COMPANY": "100000",
            "SMS_SENDERS_PER_COMPANY": "100000",
        }
    ) as web:
        single = run_schemathesis(web.url, key.client_secret, tmp_path, BY_THE_DOCUMENT)
        chained = run_schemathesis(web.url, key.client_secret, tmp_path, CHAINS)

    assert single["complete"]
    assert single["operations"]["tested"] == len(operations)
    assert single["test_cases"]["generated"] > 50 * len(operations)
    # A run in which every request is refused would find nothing either.
    accepted = {label for label, phases in single["valid_rates"].items() if phases["coverage"]["accepted"]}
    assert accepted == operations
    # Chains end where the server's answers differ from the last time, so that their number differs a little from run to run.
    assert chained["test_cases"]["generated"] > 150
