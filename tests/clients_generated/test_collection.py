"""The collection generated from the API document works in Bruno, and in Newman, Postman's runner."""

import json
from collections.abc import Callable
from pathlib import Path

from apikeys.services import IssuedKey
from core.api.references import METHODS
from tests.clients_generated.generators import CALLERS, install_node, run
from tests.factories import World
from tests.live import WebProcess

TOOLS = ("newman@6.2.2", "@usebruno/converters@0.23.0")
SENT = {
    "Return the key, its company, mode, scopes and limits": 200,
    "Create a customer": 201,
    "List customers, newest first": 200,
}


def test_collection_works_in_bruno_and_newman(
    web: WebProcess, world: World, issue_key: Callable[..., IssuedKey], tmp_path: Path
) -> None:
    install_node(tmp_path, *TOOLS)
    made = web.request("GET", "/docs/pomelo.postman_collection.json").content
    (tmp_path / "pomelo.json").write_bytes(made)
    secret = issue_key(world.company, ["customers:read", "customers:write"], mode="test").client_secret

    (tmp_path / "bruno.js").write_text((CALLERS / "bruno.js").read_text())
    imported = run("node", "bruno.js", "pomelo.json", folder=tmp_path)
    named = [part for name in SENT for part in ("--folder", name)]
    variables = ("--env-var", f"secret={secret}", "--env-var", f"base_url={web.url}")
    report = ("--reporters", "json", "--reporter-json-export", "report.json")
    run(
        tmp_path / "node_modules/.bin/newman",
        "run",
        "pomelo.json",
        *named,
        *variables,
        *report,
        folder=tmp_path,
    )

    paths = json.loads(web.request("GET", "/v1/openapi.json").content)["paths"]
    assert int(imported) == sum(method in METHODS for item in paths.values() for method in item)
    done = json.loads((tmp_path / "report.json").read_text())["run"]["executions"]
    assert {each["item"]["name"]: each["response"]["code"] for each in done} == SENT
