"""Schemathesis reads the OpenAPI document and tries, on a live server, to catch the two contradicting each other.

`.venv/bin/pytest tests/contracts/test_schemathesis.py` prints its report when it finds something; each finding there
ends with the request as a curl command.

It proves little where chance does not get past the rules: of the generated messages, charges, invoices and suppressions
nearly all are refused (400), so that of 146 links the stateful phase follows about 20 to an object an earlier step made.
What happens after is the matter of the tests of each app.
"""

import json
import subprocess
import sys
from pathlib import Path

from core.api.scopes import SCOPES
from tests.contracts.operations import list_operations
from tests.contracts.samples import OBJECTS
from tests.factories import make_key
from tests.isolation.matrix import UNLIMITED, make_unlimited_world
from tests.live import web_process

PHASES = ["examples", "coverage", "fuzzing", "stateful"]
# The lists then name something for the other operations to be tried on, also what chance alone cannot create.
OBJECTS_OF_EACH = 3
SEED = 20260131
# The coverage phase, most of the run, makes what the document's bounds call for, whatever is set here.
CONFIGURATION = """
hooks = "{hooks}"
auth.openapi.bearer.bearer = "{secret}"
generation.max-examples = 4
phases.stateful.generation.max-examples = 60

[[operations]]
include-name = {beyond}
checks.positive_data_acceptance.enabled = false
"""
# To positive_data_acceptance a refusal (400) of what the document allows is a finding. These operations have rules that no
# JSON Schema can say; the refusals are tested with their endpoints. All others must accept what is documented.
RULES_BEYOND_THE_DOCUMENT = {
    "GET /v1/analytics/messages": "`from` lies before `to`",
    "GET /v1/analytics/requests": "`since` lies before `until`, the key is an identifier",
    "GET /v1/audit_entries": "`ip` is an address or a network",
    "GET /v1/customers": "`metadata_value` comes with `metadata_key`",
    "GET /v1/events": "the cursor is an event there is",
    "GET /v1/request_logs": "`ip` is an address or a network, the key an identifier, the status one there is",
    "POST /v1/customers": "the telephone number can exist",
    "PATCH /v1/customers/{id}": "the telephone number can exist",
    "POST /v1/invoices": "the customer exists",
    "PATCH /v1/invoices/{id}": "the customer exists",
    "POST /v1/charges": "the customer and the invoice exist",
    "POST /v1/charges/{id}/refunds": "an amount is written without a fraction, also one that is zero",
    "POST /v1/messages": "every channel has its own addresses and parts",
    "POST /v1/suppressions": "every channel has its own addresses",
    "POST /v1/webhook_endpoints": "the events are in the catalogue, the address is public",
    "PATCH /v1/webhook_endpoints/{id}": "the events are in the catalogue, the address is public",
    "POST /v1/webhook_endpoints/{id}/recover": "`since` lies at most 30 days back",
    "POST /v1/webhook_endpoints/{id}/replay_missing": "`since` lies at most 30 days back",
}


def run_schemathesis(url: str, secret: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run every phase with the key of `secret`, from and to `folder`; the report is `report.json` there."""
    configuration = folder / "schemathesis.toml"
    hooks = Path(__file__).with_name("schemathesis_hooks.py")
    beyond = json.dumps(list(RULES_BEYOND_THE_DOCUMENT))
    configuration.write_text(CONFIGURATION.format(hooks=hooks, secret=secret, beyond=beyond))
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={configuration}",
            "run",
            f"{url}/v1/openapi.json",
            f"--phases={','.join(PHASES)}",
            f"--seed={SEED}",
            "--generation-database=none",
            "--no-shrink",
            "--no-color",
            # How fast data can be made says something about this machine only.
            "--suppress-health-check=all",
            f"--report-json-path={folder / 'report.json'}",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_server_keeps_what_the_document_promises(tmp_path: Path) -> None:
    world = make_unlimited_world()
    for make in OBJECTS.values():
        for _ in range(OBJECTS_OF_EACH):
            make(world.tenant("live"))
    key = make_key(world.company, scopes=tuple(SCOPES), rate_limit=UNLIMITED)

    # Each request comes from an address of its own (see the hooks), as if through a proxy.
    with web_process(environment={"TRUSTED_PROXIES": "127.0.0.1"}) as web:
        done = run_schemathesis(web.url, key.client_secret, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["complete"]
    assert report["operations"]["tested"] == len([found for found in list_operations() if found.view.schema])
    assert {name: phase["status"] for name, phase in report["phases"].items()} == dict.fromkeys(
        PHASES, "success"
    )
    assert report["test_cases"]["generated"] > len(PHASES) * report["operations"]["tested"]
