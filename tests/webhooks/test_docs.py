"""The examples in docs/webhooks.md work on a delivery that was really sent, and refuse an edited one."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.factories import World, make_customer
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import drain, make_endpoint

PAGE = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"
NODE_DRIVER = """
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log = () => {};
process.stdout.write(JSON.stringify(given.bodies.map((body) => handle(body, given.headers, given.secret))));
"""


def example(language: str) -> str:
    return re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]


@pytest.fixture
def captured(world: World, receiver: Receiver) -> Any:
    """A delivery as it came in: body, headers and the endpoint's secret."""
    _, secret = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant(), name="Zoë 🍊")
    drain()
    [got] = receiver.received
    return got.body, got.headers, secret


def test_the_python_example(captured: Any) -> None:
    body, headers, secret = captured
    scope: dict = {"print": lambda *_: None}
    exec(compile(example("python"), str(PAGE), "exec"), scope)

    assert scope["handle"](body, headers, secret) == 204
    assert scope["handle"](body + b" ", headers, secret) == 400


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which npm installed the library; the test is skipped, saying why, where that is impossible."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed: the Node example of docs/webhooks.md was not run")
    folder = tmp_path_factory.mktemp("node")
    command = [
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--silent",
        "--ignore-scripts",
        "standardwebhooks@1",
    ]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"npm could not install standardwebhooks, so the Node example was not run: {error}")
    return folder


def test_the_node_example(captured: Any, node_modules: Path) -> None:
    body, headers, secret = captured
    given = {"bodies": [body.decode(), body.decode() + " "], "headers": headers, "secret": secret}

    ran = subprocess.run(
        ["node", "-e", example("js") + NODE_DRIVER],
        cwd=node_modules, input=json.dumps(given), capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [204, 400]


def test_every_promised_language_has_an_example() -> None:
    for language in ("python", "js", "php", "go", "ruby", "java"):
        assert "secret" in example(language)
